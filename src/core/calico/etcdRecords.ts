import { z } from "zod";
import { parseJson } from "../values/read.ts";
import type { BlockRecords } from "./blocks.ts";

/**
 * Where Calico keeps its records in etcd: blocks of nodes, blocks without a node (addresses of load balancers), and pools.
 * Source: libcalico-go/lib/backend/model, block_affinity.go and resource.go.
 */
export const CALICO_PREFIXES = [
	"/calico/ipam/v2/host/",
	"/calico/ipam/v2/virtual/",
	"/calico/resources/v3/projectcalico.org/ippools/",
] as const;

/** Example: `/calico/ipam/v2/host/ku13-1/ipv4/block/192.244.190.128-26`. Calico does not escape the node's name. */
const affinityKey = /^\/calico\/ipam\/v2\/(?:host|virtual)\/([^/]+)\/ipv.\/block\/([^/]+)$/;
const poolKey = /^\/calico\/resources\/v3\/projectcalico\.org\/ippools\/[^/]+$/;

// Before Calico 3.0.7 a block had neither value nor state. BIRD announces a block without a state (bird_aggr.cfg.template), so it
// counts as confirmed.
const affinityValue = z.object({ state: z.string().default(""), deleted: z.boolean().default(false) });

/**
 * Converts Calico's keys and values in etcd to the custom resources that Calico keeps in a cluster without etcd of its own. An
 * unreadable value becomes a record that fails to parse later, which then gives a note. Other keys are ignored, as Calico does.
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
