import { z } from "zod";
import { sshTargetSchema } from "../remote/sshTarget.ts";

/** What `tools/gateway-node.ts` reads on standard input: one machine, one cluster, one node. */
export const nodeRequest = z.object({
	cluster: z.object({
		kubeconfig: z.string(),
		context: z.string().optional(),
		/** host:port of the API server as the gateway reaches it. */
		endpoint: z.string(),
		/** `sha256:` and the hash of a CA's public key, for each CA. */
		caCertHashes: z.array(z.string()).min(1),
	}),
	node: z.object({
		name: z.string(),
		/** The addresses the kubelet reports: one, or one of each family. */
		addresses: z.array(z.object({ text: z.string(), family: z.literal([4, 6]), bits: z.string() })),
		taint: z.object({
			key: z.string(),
			value: z.string(),
			effect: z.literal(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
		}),
		labels: z.record(z.string(), z.string()),
		/** Seconds. */
		drainTimeout: z.number(),
	}),
	machine: sshTargetSchema,
});

export type NodeRequest = z.infer<typeof nodeRequest>;
