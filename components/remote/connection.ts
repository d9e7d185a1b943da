import * as pulumi from "@pulumi/pulumi";
import type { Credentials } from "../config.ts";
import type { Address } from "../network/address.ts";
import type { Ssh } from "../settings.ts";
import type { SshTarget } from "./sshTarget.ts";

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

/** How the machine is reached, as our tools read it; secret where a private key is in it. */
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
