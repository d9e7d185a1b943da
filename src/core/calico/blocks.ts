import { z } from "zod";
import { isReady } from "../kubeadm/nodeReady.ts";
import type { GatheredPrefix } from "../plan/podRoutes.ts";
import { comparePrefixes, contains, type Prefix, parsePrefix, sortedPrefixes } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { type Pool, poolsOf } from "./pools.ts";

/** A block of pod addresses and the node that owns it. */
export interface Block {
	readonly prefix: Prefix;
	/** The node's name. */
	readonly node: string;
}

/** The blocks that a gateway should have routes to. */
export interface ExpectedBlocks {
	/** In order, each prefix once. */
	readonly blocks: readonly Block[];
	/**
	 * The owner of every assigned block, by the block's prefix, including nodes that are down. Undefined if Calico's records could
	 * not be read; empty if the cluster has none.
	 */
	readonly owners: ReadonlyMap<string, string> | undefined;
	readonly pools: readonly Pool[];
	/** A text for each record that could not be parsed, and for each kind that could not be read. */
	readonly notes: readonly string[];
}

/** The cluster's records of its blocks: objects as its API returned them, not parsed yet. */
export interface BlockRecords {
	/** Kind BlockAffinity of crd.projectcalico.org/v1. */
	readonly affinities: readonly unknown[];
	/** Kind IPPool of crd.projectcalico.org/v1. */
	readonly pools: readonly unknown[];
	/** Kind Node of v1. */
	readonly nodes: readonly unknown[];
}

// https://github.com/projectcalico/api/blob/master/pkg/apis/projectcalico/v3/blockaffinity.go, where `deleted` is a string.
const affinity = z.object({
	spec: z.object({
		cidr: z.string(),
		node: z.string(),
		state: z.string().default(""),
		deleted: z.union([z.string(), z.boolean()]).default("false"),
	}),
});

const node = z.object({
	metadata: z.object({ name: z.string().regex(/^[a-z0-9.-]+$/) }),
	status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).default([]) }).optional(),
});

/**
 * The blocks that are confirmed, announced, and owned by other nodes that are ready. Ignores blocks outside the pod ranges or
 * as wide as a whole range, because the survey drops such routes.
 *
 * @param gateways the gateways' own node names. Their blocks are left out: drained nodes run no pods that a server needs.
 */
export function expectedBlocks(
	records: BlockRecords,
	podRanges: readonly Prefix[],
	gateways: readonly string[],
): ExpectedBlocks {
	const ready = new Set(records.nodes.flatMap(readyName));
	const blocks = new Map<string, Block>();
	const owners = new Map<string, string>();
	const { pools, notes: poolNotes } = poolsOf(records.pools);
	const silent = pools.filter(({ announced }) => !announced);
	const notes = [...poolNotes];
	for (const record of records.affinities) {
		const parsed = affinity.safeParse(record);
		if (!parsed.success) {
			notes.push(`left out a record that is not a block affinity: ${printable(record)}`);
			continue;
		}
		const { cidr, node, state, deleted } = parsed.data.spec;
		if (state !== "confirmed" || `${deleted}` === "true") continue;
		const prefix = parsePrefix(cidr);
		if (!prefix.ok) {
			notes.push(...prefix.problems.map((problem) => `left out a block of ${printable(node)}: ${problem}`));
			continue;
		}
		if (/^[a-z0-9.-]+$/.test(node)) owners.set(prefix.value.text, node);
		const announced = !silent.some((pool) => contains(pool.prefix, prefix.value));
		const wanted = announced && !gateways.includes(node) && ready.has(node) && isPartOf(podRanges, prefix.value);
		if (wanted) blocks.set(prefix.value.text, { prefix: prefix.value, node });
	}
	return { blocks: [...blocks.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix)), owners, pools, notes };
}

/** The expected blocks that no gathered prefix contains, in order. Takes one pass over each list, since both may be long. */
export function missingBlocks(
	expected: readonly Block[],
	gathered: readonly Pick<GatheredPrefix, "prefix">[],
): readonly Block[] {
	const prefixes = sortedPrefixes(gathered.map(({ prefix }) => prefix));
	let [next, widest] = [0, undefined as Prefix | undefined];
	return [...expected]
		.sort((a, b) => comparePrefixes(a.prefix, b.prefix))
		.filter((block) => {
			// If any prefix that begins at or before the block contains it, then the one that ends last does.
			for (let at = prefixes[next]; at && comparePrefixes(at, block.prefix) <= 0; at = prefixes[++next]) {
				if (widest?.family !== at.family || at.last > widest.last) widest = at;
			}
			return !(widest && contains(widest, block.prefix));
		});
}

/**
 * Whether a gateway lacks more than this share (0 to 1) of the expected blocks of either family. Its routing table then counts as
 * incomplete. Each family is counted on its own, because each has its own BIRD.
 */
export function tooManyMissing(expected: readonly Block[], missing: readonly Block[], share: number): boolean {
	return ([4, 6] as const).some((family) => {
		const count = (blocks: readonly Block[]) => blocks.filter(({ prefix }) => prefix.family === family).length;
		// In whole hundredths, because 0.07 * 100 is slightly more than 7 in floating point.
		return count(missing) * 100 > Math.round(share * 100) * count(expected);
	});
}

/** The name of a ready node in a list of one; an empty list for any other record. */
function readyName(record: unknown): readonly string[] {
	const parsed = node.safeParse(record);
	return parsed.success && isReady(parsed.data) ? [parsed.data.metadata.name] : [];
}

function isPartOf(podRanges: readonly Prefix[], prefix: Prefix): boolean {
	return podRanges.some((range) => contains(range, prefix)) && !podRanges.some((range) => contains(prefix, range));
}
