import { z } from "zod";

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** What a deployment leaves on a server, in /var/lib/pod-gateway/record.json and the journal (host/server-network.sh). */
export const recordSchema = z.object({
	/** When it was committed there, in UTC. Example: `2026-01-31T12:00:00Z`. */
	at: z.iso.datetime(),
	/** The SSH user, and the address they came from. Example: `netops@10.200.0.10`. */
	by: z.string(),
	stack: z.string(),
	/** Of pod-gateway. */
	version: z.string(),
	/** SHA-256 of the desired state that was in force before, in hex; empty where there was none. */
	before: z.union([z.literal(""), digest]),
	/** SHA-256 of the desired state that is in force since. */
	after: digest,
});

/** Who deployed what on a server, and when. */
export type DeploymentRecord = z.infer<typeof recordSchema>;
