import { z } from "zod";
import { parsePrefix } from "../core/values/prefix.ts";
import { secretTextSchema } from "../core/values/secretText.ts";
import { sshTargetSchema } from "../remote/sshTarget.ts";

/** A URL without blanks. */
const WEB_ADDRESS = /^https?:\/\/[!-~]+$/;

/** The input of `tools/gateway-node.ts`: one machine, one cluster and one node. */
export const nodeRequest = z.object({
	cluster: z.object({
		/** A kubeconfig's text or file. */
		kubeconfig: secretTextSchema,
		context: z.string().optional(),
		/** host:port at which the gateway reaches the API server. */
		endpoint: z.string(),
		/** For each CA: `sha256:` and the hash of its public key. */
		caCertHashes: z.array(z.string()).min(1),
	}),
	node: z.object({
		name: z.string(),
		/** The addresses that the kubelet reports: one, or one of each family. */
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
		/** `packages`: missing software is installed. `preinstalled`: it must be there. */
		source: z.literal(["packages", "preinstalled"]),
		/** Minor version to install. Example: `1.34`. */
		version: z.string().regex(/^1\.\d{1,3}$/, "is not a minor version such as 1.34"),
		/** URL of a flat apt repository. */
		repository: z.string().regex(WEB_ADDRESS, "is not the URL of an apt repository"),
		/** URL of the repository's signing key, or the armored key itself. */
		repositoryKey: z
			.string()
			.refine(
				(key) => WEB_ADDRESS.test(key) || key.trimStart().startsWith("-----BEGIN PGP PUBLIC KEY BLOCK-----"),
				"is neither a URL nor an armored PGP key",
			),
	}),
	/** Pod ranges to which forwarded packets are masqueraded. Empty: masquerading is off. */
	masquerade: z.array(z.string().refine((text) => parsePrefix(text).ok, "is not a prefix such as 192.0.2.0/24")),
	machine: sshTargetSchema,
	/** Whether the machine is destroyed after it left. It is then not reset, and a node of another cluster may be taken over. */
	disposable: z.boolean(),
	/** Whether to reset a machine that is a node of another cluster. */
	takeOver: z.boolean(),
});

export type NodeRequest = z.infer<typeof nodeRequest>;
