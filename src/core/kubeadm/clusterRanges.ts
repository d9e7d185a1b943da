import { z } from "zod";
import { parseDomainName } from "../values/domainName.ts";
import { type Prefix, parsePrefix } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { parseYaml } from "../values/read.ts";
import { all, failure, type Result, success } from "../values/result.ts";
import { parseKubernetesVersion } from "./versionSkew.ts";

/** The cluster's addresses, names and software, as kubeadm recorded them. */
export interface ClusterRanges {
	/** Empty if kubeadm was run without a pod subnet. */
	readonly podRanges: readonly Prefix[];
	readonly serviceRanges: readonly Prefix[];
	readonly domain: string;
	/** Example: `v1.34.4`. */
	readonly kubernetesVersion: string;
	/** The registry of the control plane's images. Default: `registry.k8s.io`. */
	readonly imageRepository: string;
}

// kubeadm.k8s.io/v1beta3 and v1beta4 have the same fields and these defaults.
const clusterConfiguration = z.object({
	kind: z.literal("ClusterConfiguration"),
	kubernetesVersion: z.string().default(""),
	imageRepository: z
		.string()
		.regex(/^[a-z0-9][\w.:/-]*$/i)
		.default("registry.k8s.io"),
	networking: z
		.object({
			podSubnet: z.string().default(""),
			serviceSubnet: z.string().default("10.96.0.0/12"),
			dnsDomain: z.string().default("cluster.local"),
		})
		.prefault({}),
});

/**
 * Reads the key `ClusterConfiguration` of the ConfigMap `kubeadm-config` in `kube-system`. In a dual-stack cluster a subnet field
 * holds two prefixes, separated by a comma.
 */
export function parseClusterConfiguration(yaml: string): Result<ClusterRanges> {
	const parsed = clusterConfiguration.safeParse(parseYaml(yaml));
	if (!parsed.success) return failure(`kubeadm-config does not hold a ClusterConfiguration: ${printable(yaml)}`);
	const { networking, kubernetesVersion, imageRepository } = parsed.data;
	const { podSubnet, serviceSubnet, dnsDomain } = networking;
	const pods = subnets("podSubnet", podSubnet);
	const services = subnets("serviceSubnet", serviceSubnet);
	const domain = parseDomainName(dnsDomain);
	const version = parseKubernetesVersion(kubernetesVersion);
	if (pods.ok && services.ok && domain.ok && version.ok) {
		return success({
			podRanges: pods.value,
			serviceRanges: services.value,
			domain: domain.value,
			kubernetesVersion,
			imageRepository,
		});
	}
	const versionProblems = version.ok
		? []
		: version.problems.map((problem) => `kubeadm-config: kubernetesVersion: ${problem}`);
	return failure(
		...[pods, services, domain].flatMap((result) => (result.ok ? [] : result.problems)),
		...versionProblems,
	);
}

function subnets(field: string, text: string): Result<readonly Prefix[]> {
	const parts = text.split(",").map((part) => part.trim());
	const prefixes = all(parts.filter((part) => part !== "").map((part) => parsePrefix(part, "clear")));
	return prefixes.ok
		? prefixes
		: failure(...prefixes.problems.map((problem) => `kubeadm-config: ${field}: ${problem}`));
}
