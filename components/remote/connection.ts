import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Credentials } from "../config.ts";
import type { Address } from "../network/address.ts";
import type { Ssh } from "../settings.ts";
import type { SshTarget } from "./sshTarget.ts";

/** How often a server that does not answer is dialled before its command fails: dead machines must not hold up the others. */
const DIAL_ATTEMPTS = 3;

/** A machine of the settings, as far as reaching it goes. */
export interface ReachableMachine {
	readonly address: Address;
	readonly hostKey: string;
	readonly ssh: Ssh<Credentials>;
}

/** A machine that may have to be made first. */
export interface AwaitedMachine {
	readonly address: pulumi.Input<Address>;
	readonly hostKey: pulumi.Input<string>;
	readonly ssh: Ssh<Credentials>;
}

/**
 * The connection as @pulumi/command wants it, with the host key of the machine and of every bastion pinned. Field by field: an
 * unknown key here would make the engine print the private key (pulumi#19465).
 */
export function commandConnection(machine: ReachableMachine): types.input.remote.ConnectionArgs {
	const { ssh, hostKey } = machine;
	const { bastion } = ssh;
	const dialling = { dialErrorLimit: DIAL_ATTEMPTS, perDialTimeout: ssh.connectTimeout };
	return {
		host: machine.address.text,
		port: ssh.port,
		user: ssh.user,
		hostKey,
		...dialling,
		...key(ssh.auth),
		...(bastion && {
			proxy: {
				host: bastion.address,
				port: bastion.port,
				user: bastion.user,
				hostKey: bastion.hostKey,
				...dialling,
				...key(bastion.auth),
			},
		}),
	};
}

/** The same connection for `runRemote`; secret, because the private key is in it. */
export function sshTarget({ address, hostKey, ssh }: AwaitedMachine): pulumi.Output<SshTarget> {
	const { bastion, port, user, connectTimeout } = ssh;
	const awaited = pulumi.all([address, hostKey, ssh.auth.privateKey, bastion?.auth.privateKey]);
	return awaited.apply(([{ text }, hostKey, privateKey, bastionKey]) => ({
		...{ host: text, port, user, hostKey, connectTimeout, privateKey },
		...(bastion && {
			bastion: {
				host: bastion.address,
				port: bastion.port,
				user: bastion.user,
				hostKey: bastion.hostKey,
				connectTimeout,
				privateKey: bastionKey,
			},
		}),
	}));
}

/** A private key, or else the agent. */
function key({ privateKey }: Credentials) {
	return privateKey ? { privateKey } : { agentSocketPath: process.env["SSH_AUTH_SOCK"] ?? "" };
}
