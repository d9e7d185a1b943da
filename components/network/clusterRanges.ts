import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { parseDomainName } from "./domainName.ts";
import { type Prefix, parsePrefix } from "./prefix.ts";
import { quote } from "./quote.ts";
import { all, failure, type Result, success } from "./result.ts";

/** The addresses and names a cluster uses, as kubeadm recorded them. */
export interface ClusterRanges {
	/** Empty where the cluster was made without one. */
	readonly podRanges: readonly Prefix[];
	readonly serviceRanges: readonly Prefix[];
	readonly domain: string;
}

// kubeadm.k8s.io/v1beta3 and v1beta4 have the same `networking`, with these defaults for what is not set.
const clusterConfiguration = z.object({
	kind: z.literal("ClusterConfiguration"),
	networking: z
		.object({
			podSubnet: z.string().default(""),
			serviceSubnet: z.string().default("10.96.0.0/12"),
			dnsDomain: z.string().default("cluster.local"),
		})
		.prefault({}),
});

/**
 * Reads the key `ClusterConfiguration` of the ConfigMap `kubeadm-config` in `kube-system`. A subnet can be two, parted by a
 * comma, in a dual-stack cluster.
 */
export function parseClusterConfiguration(yaml: string): Result<ClusterRanges> {
	const parsed = clusterConfiguration.safeParse(readYaml(yaml));
	if (!parsed.success) return failure(`kubeadm-config holds no ClusterConfiguration: ${quote(yaml)}`);
	const { podSubnet, serviceSubnet, dnsDomain } = parsed.data.networking;
	const pods = subnets("podSubnet", podSubnet);
	const services = subnets("serviceSubnet", serviceSubnet);
	const domain = parseDomainName(dnsDomain);
	if (pods.ok && services.ok && domain.ok) {
		return success({ podRanges: pods.value, serviceRanges: services.value, domain: domain.value });
	}
	return failure(...[pods, services, domain].flatMap((result) => (result.ok ? [] : result.problems)));
}

/** Reads YAML that another machine wrote; what is no YAML is undefined. */
export function readYaml(text: string): unknown {
	try {
		return parseYaml(text, { logLevel: "silent" });
	} catch {
		return undefined;
	}
}

function subnets(field: string, text: string): Result<readonly Prefix[]> {
	const parts = text.split(",").map((part) => part.trim());
	const prefixes = all(parts.filter((part) => part !== "").map((part) => parsePrefix(part, "clear")));
	return prefixes.ok
		? prefixes
		: failure(...prefixes.problems.map((problem) => `kubeadm-config: ${field}: ${problem}`));
}
