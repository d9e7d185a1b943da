import { stringify } from "yaml";
import type { Address } from "../values/address.ts";
import type { Taint } from "../values/taint.ts";

/**
 * How long kubeadm asks for the cluster, which answers in seconds; its default is 5 minutes. A join whose token was removed, since
 * nobody waits for it any more, asks for so long, and the next one waits for it.
 */
const DISCOVERY_WITHIN = "60s";

/** A node about to join. */
export interface JoiningNode {
	/** The Node object's name. */
	readonly name: string;
	readonly taints: readonly Taint[];
	/** Labels the kubelet registers the node with. */
	readonly labels: Readonly<Record<string, string>>;
	/** The addresses the kubelet reports as the node's: one, or one of each family. */
	readonly addresses: readonly Address[];
	/** Preflight checks whose failure is no matter. Example: `["SystemVerification"]`. */
	readonly ignorePreflightErrors?: readonly string[] | undefined;
	readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never" | undefined;
}

/** How the node finds the cluster and knows it for the right one. */
export interface Discovery {
	/** Host and port. Example: `10.200.0.10:6443`. */
	readonly apiServerEndpoint: string;
	/** A bootstrap token: a secret, so the rendered text is one too. */
	readonly token: string;
	/** From `caCertHash`; one of them must be the cluster's. */
	readonly caCertHashes: readonly string[];
	/** Where the cluster's kubelets look for its CA. Default: kubeadm's own place. */
	readonly caCertPath?: string | undefined;
}

/** kubeadm's JoinConfiguration, API version v1beta4 (Kubernetes 1.31 and later), as YAML for `kubeadm join --config`. */
export function renderJoinConfiguration(
	{ name, taints, labels, addresses, ignorePreflightErrors, imagePullPolicy }: JoiningNode,
	{ apiServerEndpoint, token, caCertHashes, caCertPath }: Discovery,
): string {
	const nodeLabels = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
	const configuration = {
		apiVersion: "kubeadm.k8s.io/v1beta4",
		kind: "JoinConfiguration",
		...(caCertPath === undefined ? {} : { caCertPath }),
		discovery: { bootstrapToken: { apiServerEndpoint, token, caCertHashes } },
		timeouts: { discovery: DISCOVERY_WITHIN },
		nodeRegistration: {
			name,
			taints,
			kubeletExtraArgs: [
				...(nodeLabels.length > 0 ? [{ name: "node-labels", value: nodeLabels.sort().join(",") }] : []),
				{ name: "node-ip", value: addresses.map(({ text }) => text).join(",") },
			],
			...(ignorePreflightErrors?.length ? { ignorePreflightErrors } : {}),
			...(imagePullPolicy ? { imagePullPolicy } : {}),
		},
	};
	// Go's reader is one of YAML 1.1, where a bare `yes` is no text.
	return stringify(configuration, { version: "1.1", aliasDuplicateObjects: false, lineWidth: 0 });
}

/** `host:port` of an API server's URL, as kubeadm writes it. */
export function endpointOf(apiServer: string): string {
	const { hostname, port } = new URL(apiServer);
	return `${hostname}:${port || "443"}`;
}
