import { z } from "zod";
import { contains, type Prefix, parsePrefix } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";

/** A pool of pod addresses, as Calico keeps it. */
export interface Pool {
	readonly prefix: Prefix;
	/** How packets between nodes are wrapped: `Always`, `CrossSubnet`; undefined where they are not. */
	readonly overlay?: "IP-in-IP" | "VXLAN";
	/** Whether what pods begin towards addresses outside the pools leaves under the node's address. */
	readonly natOutgoing: boolean;
	/** Whether the other nodes get routes to its blocks: by VXLAN, or announced to BGP peers. */
	readonly announced: boolean;
}

// https://docs.tigera.io/calico/latest/reference/resources/ippool; the modes' default is Never.
const pool = z.object({
	spec: z.object({
		cidr: z.string(),
		ipipMode: z.string().default("Never"),
		vxlanMode: z.string().default("Never"),
		natOutgoing: z.boolean().default(false),
		disabled: z.boolean().default(false),
		disableBGPExport: z.boolean().default(false),
	}),
});

/** The pools in use, and a text for each record that made no sense. @param records objects of kind IPPool. */
export function poolsOf(records: readonly unknown[]): { pools: readonly Pool[]; notes: readonly string[] } {
	const pools: Pool[] = [];
	const notes: string[] = [];
	for (const record of records) {
		const parsed = pool.safeParse(record);
		const prefix = parsed.success ? parsePrefix(parsed.data.spec.cidr) : undefined;
		if (!parsed.success || !prefix?.ok) {
			notes.push(`left out what is no IP pool: ${printable(record)}`);
			continue;
		}
		const { ipipMode, vxlanMode, natOutgoing, disabled, disableBGPExport } = parsed.data.spec;
		if (disabled) continue;
		const overlay = vxlanMode !== "Never" ? "VXLAN" : ipipMode !== "Never" ? "IP-in-IP" : undefined;
		// With VXLAN it is Felix that makes the routes, and no BGP peer.
		const announced = !disableBGPExport || overlay === "VXLAN";
		pools.push({ prefix: prefix.value, natOutgoing, announced, ...(overlay && { overlay }) });
	}
	return { pools, notes };
}

/**
 * The pools that the pod ranges do not hold: two sources of one fact that differ, for kubeadm and Calico do not ask each other. No
 * server gets a route to their pods.
 */
function poolsOutside(pools: readonly Pool[], podRanges: readonly Prefix[]): readonly Pool[] {
	return pools.filter(({ prefix }) => !podRanges.some((range) => contains(range, prefix)));
}

/** What to say of pools that the pod ranges do not hold; undefined where there are none. */
export function outsideProblem(pools: readonly Pool[], podRanges: readonly Prefix[]): string | undefined {
	const outside = poolsOutside(pools, podRanges);
	if (outside.length === 0) return undefined;
	const texts = (prefixes: readonly Prefix[]) => prefixes.map(({ text }) => text).join(", ");
	const named = texts(outside.map(({ prefix }) => prefix));
	return (
		`Calico's IP pools ${named} are not in the pod ranges (${texts(podRanges)}), so that servers get no routes to their pods; ` +
		"if they are to, set pod-gateway:cluster.podRanges to all ranges that pods have addresses of"
	);
}

/** What a pool's settings mean for servers outside the cluster, where that is not what they would expect. */
export function poolWarnings(pools: readonly Pool[]): readonly string[] {
	return pools.flatMap(({ prefix: { text }, overlay, natOutgoing, announced }) => [
		...(overlay
			? [
					`pool ${text} is in ${overlay} mode: the gateway wraps what servers send, so that packets longer than the tunnel's MTU need path MTU discovery`,
				]
			: []),
		...(natOutgoing
			? [
					`pool ${text} has natOutgoing: connections that its pods begin towards servers come from their node's address, answers to servers from the pod's own`,
				]
			: []),
		...(announced ? [] : [`pool ${text} has disableBGPExport: the gateway gets no route to its blocks`]),
	]);
}
