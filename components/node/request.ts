import { z } from "zod";
import type { SshTarget } from "../remote/ssh.ts";

const sshTarget: z.ZodType<SshTarget> = z.lazy(() =>
	z.object({
		host: z.string(),
		port: z.number(),
		user: z.string(),
		hostKey: z.string(),
		privateKey: z.string().optional(),
		connectTimeout: z.number(),
		bastion: sshTarget.optional(),
	}),
);

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
	machine: sshTarget,
});

export type NodeRequest = z.infer<typeof nodeRequest>;
