import { z } from "zod";
import { parseJson } from "../values/read.ts";
import type { BlockRecords } from "./blocks.ts";

/**
 * Where Calico keeps its records in etcd: the blocks of nodes, those of no node (addresses of load balancers), the pools
 * (libcalico-go/lib/backend/model: block_affinity.go, resource.go).
 */
export const CALICO_PREFIXES = [
	"/calico/ipam/v2/host/",
	"/calico/ipam/v2/virtual/",
	"/calico/resources/v3/projectcalico.org/ippools/",
] as const;

/** Example: `/calico/ipam/v2/host/ku13-1/ipv4/block/192.244.190.128-26`. What a name has in it stands there as it is. */
const affinityKey = /^\/calico\/ipam\/v2\/(?:host|virtual)\/([^/]+)\/ipv.\/block\/([^/]+)$/;
const poolKey = /^\/calico\/resources\/v3\/projectcalico\.org\/ippools\/[^/]+$/;

// Before Calico 3.0.7 a block had no value, and no state. Without one it is confirmed: BIRD announces it (bird_aggr.cfg.template).
const affinityValue = z.object({ state: z.string().default(""), deleted: z.boolean().default(false) });

/**
 * Calico's keys and values of etcd as the custom resources that a cluster has whose Calico keeps them there. A value that
 * makes no sense becomes a record that makes none. Other keys are left out, as Calico does.
 */
export function recordsOf(
	pairs: readonly { readonly key: string; readonly value: string }[],
): Pick<BlockRecords, "affinities" | "pools"> {
	const affinities = pairs.flatMap(({ key, value }): readonly unknown[] => {
		const [, node = "", block = ""] = affinityKey.exec(key) ?? [];
		if (node === "") return [];
		const parsed = affinityValue.safeParse(value === "" ? {} : parseJson(value));
		if (!parsed.success) return [{ key, value }];
		const { state, deleted } = parsed.data;
		return [{ spec: { cidr: block.replace("-", "/"), node, state: state || "confirmed", deleted } }];
	});
	const pools = pairs.flatMap(({ key, value }) => (poolKey.test(key) ? [parseJson(value) ?? { key, value }] : []));
	return { affinities, pools };
}
