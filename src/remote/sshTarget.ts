import { z } from "zod";
import { type SecretText, secretTextSchema } from "../core/values/secretText.ts";

/** One SSH server to reach, and how. Plain data: it is also what the tools read on standard input. */
export interface SshTarget {
	/** Name or address. */
	host: string;
	/** TCP port. */
	port: number;
	user: string;
	/** The server's public key as in known_hosts without the host: `ssh-ed25519 AAAA…`. The only key that is accepted. */
	hostKey: string;
	/** Private key in OpenSSH or PEM form, or its file. Without one the agent at `SSH_AUTH_SOCK` is asked. */
	privateKey?: SecretText | undefined;
	/** Seconds until a connection attempt is given up. */
	connectTimeout: number;
	/** Reached first; the connection to `host` is made from there. */
	bastion?: SshTarget | undefined;
}

/** Reads a target from JSON. */
export const sshTargetSchema: z.ZodType<SshTarget> = z.lazy(() =>
	z.object({
		host: z.string(),
		port: z.number(),
		user: z.string(),
		hostKey: z.string(),
		privateKey: secretTextSchema.optional(),
		connectTimeout: z.number(),
		bastion: sshTargetSchema.optional(),
	}),
);
