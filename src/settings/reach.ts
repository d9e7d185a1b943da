import * as pulumi from "@pulumi/pulumi";
import type { SshTarget } from "../remote/sshTarget.ts";
import type { AwaitedMachine } from "./model.ts";

/** How to reach the machine, in the form that tools/ read. The value is secret if it holds a private key. */
export function sshTarget({ address, hostKey, ssh }: AwaitedMachine): pulumi.Output<SshTarget> {
	const { bastion, port, user, connectTimeout } = ssh;
	const awaited = pulumi.all([address, hostKey, ssh.auth.privateKey, bastion?.auth.privateKey]);
	return awaited.apply(([{ text }, hostKey, privateKey, bastionKey]) => ({
		host: text,
		port,
		user,
		hostKey,
		connectTimeout,
		privateKey,
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
