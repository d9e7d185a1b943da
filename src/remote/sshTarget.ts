import { z } from "zod";
import { type SecretText, secretTextSchema } from "../core/values/secretText.ts";

/** How to reach an SSH server. Plain data: tools/ read it from standard input. */
export interface SshTarget {
	/** Name or address. */
	host: string;
	/** TCP port. */
	port: number;
	user: string;
	/** The server's public key as in known_hosts without the host: `ssh-ed25519 AAAA…`. No other key is accepted. */
	hostKey: string;
	/** Private key in OpenSSH or PEM form. Default: the keys of the agent at `SSH_AUTH_SOCK`. */
	privateKey?: SecretText | undefined;
	/** Seconds after which a connection attempt is given up. */
	connectTimeout: number;
	/** A server through which to connect to `host`. Default: none. */
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
