import { z } from "zod";
import { isReady } from "../kubeadm/nodeReady.ts";
import type { GatheredPrefix } from "../plan/podRoutes.ts";
import { comparePrefixes, contains, type Prefix, parsePrefix, sortedPrefixes } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { type Pool, poolsOf } from "./pools.ts";

/** A block of pod addresses and the node that has it. */
export interface Block {
	readonly prefix: Prefix;
	/** The node's name. */
	readonly node: string;
}

/** The blocks that a gateway is to have routes to. */
export interface ExpectedBlocks {
	/** In order, each prefix once. */
	readonly blocks: readonly Block[];
	/**
	 * The node of every block that is given to one, by the block's prefix; also of nodes that are down. Undefined where Calico's
	 * records could not be read; empty where nobody keeps any.
	 */
	readonly owners: ReadonlyMap<string, string> | undefined;
	readonly pools: readonly Pool[];
	/** A text for each record that made no sense, and for what could not be read. */
	readonly notes: readonly string[];
}

/** What the cluster keeps of its blocks: objects as its API gave them. */
export interface BlockRecords {
	/** Calico's, of kind BlockAffinity in crd.projectcalico.org/v1. */
	readonly affinities: readonly unknown[];
	/** Calico's, of kind IPPool in crd.projectcalico.org/v1. */
	readonly pools: readonly unknown[];
	/** The cluster's, of kind Node in v1. */
	readonly nodes: readonly unknown[];
}

// https://github.com/projectcalico/api/blob/master/pkg/apis/projectcalico/v3/blockaffinity.go; `deleted` is a text there.
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
 * The blocks that have been given to other nodes for good, are announced, and whose nodes are up. Blocks outside the pod ranges, or as wide as
 * one, are none: no such route is ever kept.
 *
 * @param gateways the gateways' own nodes: drained, they have no pods that a server could want.
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
			notes.push(`left out what is no block affinity: ${printable(record)}`);
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

/** The expected blocks to which no gathered prefix leads, in order. Both may be many: each is gone through once. */
export function missingBlocks(
	expected: readonly Block[],
	gathered: readonly Pick<GatheredPrefix, "prefix">[],
): readonly Block[] {
	const prefixes = sortedPrefixes(gathered.map(({ prefix }) => prefix));
	let [next, widest] = [0, undefined as Prefix | undefined];
	return [...expected]
		.sort((a, b) => comparePrefixes(a.prefix, b.prefix))
		.filter((block) => {
			// Of those that begin before the block, or with it, one that holds it ends last.
			for (let at = prefixes[next]; at && comparePrefixes(at, block.prefix) <= 0; at = prefixes[++next]) {
				if (widest?.family !== at.family || at.last > widest.last) widest = at;
			}
			return !(widest && contains(widest, block.prefix));
		});
}

/**
 * Whether a gateway lacks more than this share of the expected blocks, in either family, for each has a BIRD of its own: then its
 * table is taken for one that is not whole.
 */
export function tooManyMissing(expected: readonly Block[], missing: readonly Block[], share: number): boolean {
	return ([4, 6] as const).some((family) => {
		const count = (blocks: readonly Block[]) => blocks.filter(({ prefix }) => prefix.family === family).length;
		// In hundredths, since 0.07 × 100 is more than 7.
		return count(missing) * 100 > Math.round(share * 100) * count(expected);
	});
}

/** A node's name, if it is ready. */
function readyName(record: unknown): readonly string[] {
	const parsed = node.safeParse(record);
	return parsed.success && isReady(parsed.data) ? [parsed.data.metadata.name] : [];
}

function isPartOf(podRanges: readonly Prefix[], prefix: Prefix): boolean {
	return podRanges.some((range) => contains(range, prefix)) && !podRanges.some((range) => contains(prefix, range));
}
