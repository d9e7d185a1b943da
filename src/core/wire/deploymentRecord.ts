import { z } from "zod";

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** The record of a deployment, as host/server-network.sh writes it to /var/lib/pod-gateway/record.json and the journal. */
export const recordSchema = z.object({
	/** The time of the commit on the server, in UTC. Example: `2026-01-31T12:00:00Z`. */
	at: z.iso.datetime(),
	/** The SSH user and the client's address. Example: `netops@10.200.0.10`. */
	by: z.string(),
	stack: z.string(),
	/** The version of pod-gateway. */
	version: z.string(),
	/** SHA-256 of the previous desired state, in hex; empty if there was none. */
	before: z.union([z.literal(""), digest]),
	/** SHA-256 of the new desired state, in hex. */
	after: digest,
});

/** Who deployed which desired state on a server, and when. */
export type DeploymentRecord = z.infer<typeof recordSchema>;
