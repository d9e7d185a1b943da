import { stringify } from "yaml";
import type { Address } from "../values/address.ts";
import type { Taint } from "../values/taint.ts";

/**
 * Time limit of kubeadm's discovery; kubeadm's default is 5 minutes. The cluster answers within seconds. kubeadm only reaches the
 * limit if an earlier `pulumi up` was interrupted and deleted its token; the next join then waits for that leftover kubeadm.
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
	/** Preflight checks that may fail. Default: none. Example: `["SystemVerification"]`. */
	readonly ignorePreflightErrors?: readonly string[] | undefined;
	/** Default: kubeadm's own. */
	readonly imagePullPolicy?: "Always" | "IfNotPresent" | "Never" | undefined;
}

/** How the node finds the cluster and verifies that it is the right one. */
export interface Discovery {
	/** Host and port. Example: `10.200.0.10:6443`. */
	readonly apiServerEndpoint: string;
	/** A bootstrap token. It is a secret, and so is the rendered text. */
	readonly token: string;
	/** From `caCertHash`. The cluster's CA must match one of them. */
	readonly caCertHashes: readonly string[];
	/** The path at which the cluster's kubelets look for its CA. Default: kubeadm's own path. */
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
	// kubeadm reads YAML 1.1, in which an unquoted `yes` is a boolean.
	return stringify(configuration, { version: "1.1", aliasDuplicateObjects: false, lineWidth: 0 });
}

/** `host:port` of an API server's URL, as kubeadm writes it. */
export function endpointOf(apiServer: string): string {
	const { hostname, port } = new URL(apiServer);
	return `${hostname}:${port || "443"}`;
}
