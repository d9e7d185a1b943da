import { z } from "zod";
import { parsePrefix } from "../core/values/prefix.ts";
import { secretTextSchema } from "../core/values/secretText.ts";
import { sshTargetSchema } from "../remote/sshTarget.ts";

/** A web address without anything that would end a word. */
const WEB_ADDRESS = /^https?:\/\/[!-~]+$/;

/** What `tools/gateway-node.ts` reads on standard input: one machine, one cluster, one node. */
export const nodeRequest = z.object({
	cluster: z.object({
		/** Contents of a kubeconfig file, or the file. */
		kubeconfig: secretTextSchema,
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
	software: z.object({
		/** Whether what is missing is installed, or has to be there. */
		source: z.literal(["packages", "preinstalled"]),
		/** Minor version to install. Example: `1.34`. */
		version: z.string().regex(/^1\.\d{1,3}$/, "is not a minor version such as 1.34"),
		/** URL of a flat apt repository. */
		repository: z.string().regex(WEB_ADDRESS, "is not the URL of an apt repository"),
		/** URL of the key that signs it, or the armored key itself. */
		repositoryKey: z
			.string()
			.refine(
				(key) => WEB_ADDRESS.test(key) || key.trimStart().startsWith("-----BEGIN PGP PUBLIC KEY BLOCK-----"),
				"is neither a URL nor an armored PGP key",
			),
	}),
	/** Pod ranges towards which forwarded packets are masqueraded; none: it is off. */
	masquerade: z.array(z.string().refine((text) => parsePrefix(text).ok, "is not a prefix such as 192.0.2.0/24")),
	machine: sshTargetSchema,
	/** The machine is destroyed right after it left: no reset needed, and what another cluster left on it may go without asking. */
	disposable: z.boolean(),
	/** The machine's membership of another cluster may be ended. */
	takeOver: z.boolean(),
});

export type NodeRequest = z.infer<typeof nodeRequest>;
