import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyPrefix, must } from "../../../tests/fixtures/arbitraries.ts";
import { parseAddress } from "../values/address.ts";
import { comparePrefixes, contains, parsePrefix, prefixAround } from "../values/prefix.ts";
import { expectedBlocks, missingBlocks, tooManyMissing } from "./blocks.ts";

const pods = ["192.244.0.0/16", "fd00:244::/56"].map((text) => must(parsePrefix(text)));

function affinity(node: string, cidr: unknown, more: object = {}) {
	return {
		kind: "BlockAffinity",
		metadata: { name: "x" },
		spec: { cidr, node, state: "confirmed", deleted: "false", ...more },
	};
}

function node(name: string, ready = "True") {
	const conditions = [
		{ type: "MemoryPressure", status: "False" },
		{ type: "Ready", status: ready },
	];
	return { metadata: { name }, status: { conditions } };
}

const nodes = [node("ku13-1"), node("ku13-2"), node("gw-1"), node("gw-2")];

function expected(affinities: readonly unknown[], among: readonly unknown[] = nodes, pools: readonly unknown[] = []) {
	const { blocks, notes } = expectedBlocks({ affinities, nodes: among, pools }, pods, ["gw-1", "gw-2"]);
	return { blocks: blocks.map(({ prefix, node }) => `${prefix.text} of ${node}`), notes };
}

describe("the blocks that a gateway should have routes to", () => {
	test("are those of other ready nodes, sorted, of both families, each once", () => {
		expect(
			expected([
				affinity("ku13-2", "fd00:244:0:7::/122"),
				affinity("ku13-1", "192.244.190.128/26"),
				affinity("ku13-2", "192.244.32.0/26"),
				affinity("ku13-2", "192.244.32.0/26"),
			]),
		).toEqual({
			blocks: ["192.244.32.0/26 of ku13-2", "192.244.190.128/26 of ku13-1", "fd00:244:0:7::/122 of ku13-2"],
			notes: [],
		});
	});

	test.each<[string, unknown]>([
		["the gateway's own", affinity("gw-1", "192.244.1.0/26")],
		["another gateway's", affinity("gw-2", "192.244.1.0/26")],
		["those of an unknown node", affinity("load-balancer", "192.244.1.0/26")],
		["those of a node that is not ready", affinity("ku13-3", "192.244.1.0/26")],
		["those of a node without status", affinity("ku13-4", "192.244.1.0/26")],
		["those not confirmed yet", affinity("ku13-1", "192.244.1.0/26", { state: "pending" })],
		["those without a state", affinity("ku13-1", "192.244.1.0/26", { state: undefined })],
		["deleted ones", affinity("ku13-1", "192.244.1.0/26", { deleted: "true" })],
		["deleted ones, in another spelling", affinity("ku13-1", "192.244.1.0/26", { deleted: true })],
		["those outside the pod ranges", affinity("ku13-1", "10.200.0.0/26")],
		["one that is a whole pod range", affinity("ku13-1", "192.244.0.0/16")],
		["everything", affinity("ku13-1", "0.0.0.0/0")],
	])("leave out %s, without a note", (_, record) => {
		const among = [...nodes, node("ku13-3", "Unknown"), { metadata: { name: "ku13-4" } }, null, "x"];
		expect(expected([record], among)).toEqual({ blocks: [], notes: [] });
	});

	test("leave out those of a pool that is not announced, since the gateway never gets routes to them", () => {
		const pools = [{ spec: { cidr: "192.244.1.0/24", disableBGPExport: true } }];
		const both = [affinity("ku13-1", "192.244.1.0/26"), affinity("ku13-1", "192.244.2.0/26")];
		expect(expected(both, nodes, pools).blocks).toEqual(["192.244.2.0/26 of ku13-1"]);
	});

	test.each<[string, unknown, string]>([
		[
			"no prefix",
			affinity("ku13-1", "192.244.1.0"),
			'left out a block of "ku13-1": "192.244.1.0" has no prefix length',
		],
		["host bits", affinity("ku13-1", "192.244.1.1/26"), "has host bits set"],
		["a cidr that is not a string", affinity("ku13-1", 7), "left out a record that is not a block affinity: {"],
		["no spec", { kind: "BlockAffinity" }, 'left out a record that is not a block affinity: {"kind":"BlockAffinity"}'],
		["null in its place", null, "left out a record that is not a block affinity: null"],
		[
			"control characters",
			affinity("ku13-1", "\u001b[2J"),
			'left out a block of "ku13-1": "\\u001b[2J" is not a prefix',
		],
	])("leave out a record with %s, with a note", (_, record, text) => {
		const { blocks, notes } = expected([record]);
		expect(blocks).toEqual([]);
		expect(notes.join()).toContain(text);
	});

	test("are always prefixes inside the pod ranges, whatever the records hold", () => {
		const anyRecord = fc.oneof(
			fc.anything(),
			anyPrefix.map(({ text }) => affinity("ku13-1", text)),
			fc.string().map((text) => affinity("ku13-1", text)),
		);
		fc.assert(
			fc.property(fc.array(anyRecord), (affinities) => {
				for (const { prefix } of expectedBlocks({ affinities, nodes, pools: [] }, pods, ["gw-1", "gw-2"]).blocks) {
					expect(pods.some((range) => contains(range, prefix))).toBe(true);
				}
			}),
		);
	});
});

describe("a block is missing", () => {
	const block = (text: string) => ({ prefix: must(parsePrefix(text)), node: "ku13-2" });
	const missing = (gathered: readonly string[]) =>
		missingBlocks(
			[block("192.244.32.0/26")],
			gathered.map((text) => ({ prefix: must(parsePrefix(text)) })),
		).length === 1;

	test.each([
		["when nothing was gathered", [], true],
		["unless it was gathered", ["192.244.32.0/26"], false],
		["unless something wider was gathered", ["192.244.0.0/24", "192.244.32.0/20"], false],
		["when only a part of it was gathered", ["192.244.32.0/32", "192.244.32.0/27"], true],
		["when only others were gathered", ["192.244.190.128/26", "fd00:244::/64"], true],
	])("%s", (_, gathered, expected) => expect(missing(gathered)).toBe(expected));

	test("exactly when no gathered prefix contains it", () => {
		// Few addresses, so that many prefixes contain each other.
		const addresses = ["10.0.0.0", "10.128.0.0", "10.0.128.0", "fd00::", "fd00:80::"].map((text) =>
			must(parseAddress(text)),
		);
		const near = fc.constantFrom(
			...addresses.flatMap((address) => [0, 1, 8, 9, 16, 17, 24].map((length) => prefixAround(address, length))),
		);
		fc.assert(
			fc.property(fc.array(near, { maxLength: 8 }), fc.array(near, { maxLength: 8 }), (blocks, gathered) => {
				const none = blocks.filter((block) => !gathered.some((prefix) => contains(prefix, block)));
				const found = missingBlocks(
					blocks.map((prefix) => ({ prefix, node: "ku13-2" })),
					gathered.map((prefix) => ({ prefix })),
				);
				expect(found.map(({ prefix }) => prefix.text)).toEqual([...none].sort(comparePrefixes).map(({ text }) => text));
			}),
			{ numRuns: 10_000 },
		);
	});
});

test("each family is counted on its own, and the share has no rounding error", () => {
	const blocks = (count: number, family: 4 | 6) =>
		Array.from({ length: count }, (_, index) => ({
			prefix: must(parsePrefix(family === 4 ? `10.244.${index}.0/26` : `fd00:244:${index}::/122`)),
			node: "ku13-1",
		}));
	expect(tooManyMissing([...blocks(100, 4), ...blocks(100, 6)], blocks(31, 6), 0.3)).toBe(true);
	expect(tooManyMissing([...blocks(100, 4), ...blocks(100, 6)], blocks(30, 6), 0.3)).toBe(false);
	expect(tooManyMissing(blocks(100, 4), blocks(29, 4), 0.29)).toBe(false);
	expect(tooManyMissing(blocks(2, 4), blocks(2, 4), 1)).toBe(false);
	expect(tooManyMissing(blocks(9, 4), blocks(1, 4), 0)).toBe(true);
	expect(tooManyMissing([], [], 0)).toBe(false);
});
