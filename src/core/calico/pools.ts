import { z } from "zod";
import { contains, type Prefix, parsePrefix } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";

/** A pool of pod addresses, as Calico keeps it. */
export interface Pool {
	readonly prefix: Prefix;
	/** How packets between nodes are encapsulated, always or across subnets only; undefined if they are not. */
	readonly overlay?: "IP-in-IP" | "VXLAN";
	/** Whether connections from pods to addresses outside the pools get the node's address as their source. */
	readonly natOutgoing: boolean;
	/** Whether other nodes get routes to its blocks, through VXLAN or BGP. */
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

/** The pools that are not disabled, and a text for each record that could not be parsed. @param records objects of kind IPPool. */
export function poolsOf(records: readonly unknown[]): { pools: readonly Pool[]; notes: readonly string[] } {
	const pools: Pool[] = [];
	const notes: string[] = [];
	for (const record of records) {
		const parsed = pool.safeParse(record);
		const prefix = parsed.success ? parsePrefix(parsed.data.spec.cidr) : undefined;
		if (!parsed.success || !prefix?.ok) {
			notes.push(`left out a record that is not an IP pool: ${printable(record)}`);
			continue;
		}
		const { ipipMode, vxlanMode, natOutgoing, disabled, disableBGPExport } = parsed.data.spec;
		if (disabled) continue;
		const overlay = vxlanMode !== "Never" ? "VXLAN" : ipipMode !== "Never" ? "IP-in-IP" : undefined;
		// With VXLAN, Felix makes the routes and BGP is not involved.
		const announced = !disableBGPExport || overlay === "VXLAN";
		pools.push({ prefix: prefix.value, natOutgoing, announced, ...(overlay && { overlay }) });
	}
	return { pools, notes };
}

/**
 * The pools outside the pod ranges. The two can differ because kubeadm and Calico do not ask each other. Servers get no routes
 * to the pods of such a pool.
 */
function poolsOutside(pools: readonly Pool[], podRanges: readonly Prefix[]): readonly Pool[] {
	return pools.filter(({ prefix }) => !podRanges.some((range) => contains(range, prefix)));
}

/** The problem with pools outside the pod ranges, as a message; undefined if there are none. */
export function outsideProblem(pools: readonly Pool[], podRanges: readonly Prefix[]): string | undefined {
	const outside = poolsOutside(pools, podRanges);
	if (outside.length === 0) return undefined;
	const texts = (prefixes: readonly Prefix[]) => prefixes.map(({ text }) => text).join(", ");
	const listed = texts(outside.map(({ prefix }) => prefix));
	return (
		`Calico's IP pools ${listed} are not in the pod ranges (${texts(podRanges)}), so servers do not get routes to their pods; ` +
		"to reach these pods, set pod-gateway:cluster.podRanges to all ranges from which pods get addresses"
	);
}

/** A warning for each setting of a pool that has an unexpected effect on servers outside the cluster. */
export function poolWarnings(pools: readonly Pool[]): readonly string[] {
	return pools.flatMap(({ prefix: { text }, overlay, natOutgoing, announced }) => [
		...(overlay
			? [
					`pool ${text} is in ${overlay} mode: the gateway encapsulates packets from servers, so packets longer than the tunnel's MTU need path MTU discovery`,
				]
			: []),
		...(natOutgoing
			? [
					`pool ${text} has natOutgoing: connections from its pods to servers come from the node's address, answers to servers from the pod's own address`,
				]
			: []),
		...(announced ? [] : [`pool ${text} has disableBGPExport: the gateway does not get routes to its blocks`]),
	]);
}
