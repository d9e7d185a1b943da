import { z } from "zod";
import { host, hostKey, port, seconds, text, user } from "./fields.ts";

const authentication = {
	privateKeyFile: text
		.optional()
		.describe("Path of an OpenSSH private key; ~ is your home. Example: ~/.ssh/id_ed25519"),
	privateKey: text
		.optional()
		.describe(
			"An OpenSSH private key, as a secret: pulumi config set --secret --path. Debug logs show it; they do not show a file's contents.",
		),
	agent: z.boolean().optional().describe("Whether to use the keys of the SSH agent at SSH_AUTH_SOCK. Default: false."),
};

const bastion = z
	.strictObject({
		address: host.describe("Address or name of the bastion."),
		port: port.default(22).describe("TCP port. Default: 22."),
		user: user.default("root").describe("User to log in as. Default: root."),
		hostKey: hostKey.describe("The bastion's public host key, ed25519 or ecdsa."),
		...authentication,
	})
	.describe("A host to connect through. Without a way to authenticate of its own, it uses that of the connection.");

/** The keys of an `ssh` block: how to reach one machine, or every machine. */
export const ssh = z
	.strictObject({
		user: user
			.optional()
			.describe(
				"User to log in as: root, or on a physical server a user whom sudo allows to run the host script. Default: root.",
			),
		port: port.optional().describe("TCP port. Default: 22."),
		...authentication,
		bastion: bastion.optional(),
		connectTimeout: seconds(1, 120).optional().describe("Seconds to wait for a connection. Default: 15."),
	})
	.describe("How to reach machines over SSH. Exactly one of privateKeyFile, privateKey and agent.");

/** An `ssh` block as a stack file writes it. */
export type SshBlock = z.output<typeof ssh>;
