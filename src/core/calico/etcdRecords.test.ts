import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyPrefix, must } from "../../../tests/fixtures/arbitraries.ts";
import { parsePrefix } from "../values/prefix.ts";
import { expectedBlocks } from "./blocks.ts";
import { CALICO_PREFIXES, recordsOf } from "./etcdRecords.ts";
import { poolsOf } from "./pools.ts";

const host = "/calico/ipam/v2/host";
const pools = "/calico/resources/v3/projectcalico.org/ippools";

/** Keys as in the operations note that the project began with. */
const noted = [
	`${host}/ku13-1/ipv4/block/192.244.190.128-26`,
	`${host}/ku13-1/ipv4/block/192.244.190.192-26`,
	`${host}/ku13-2/ipv4/block/192.244.32.0-26`,
	`${host}/ku13-2/ipv4/block/192.244.32.64-26`,
];

function affinity(key: string, value = '{"state":"confirmed","deleted":false}') {
	const [record, ...more] = recordsOf([{ key, value }]).affinities;
	expect(more).toEqual([]);
	return record;
}

/** The expected blocks of these records, with every node ready. */
function expected(pairs: readonly { key: string; value: string }[]) {
	const ready = { conditions: [{ type: "Ready", status: "True" }] };
	const nodes = ["ku13-1", "ku13-2"].map((name) => ({ metadata: { name }, status: ready }));
	const ranges = ["192.244.0.0/16", "fd00:244::/56"].map((text) => must(parsePrefix(text)));
	const { blocks, notes } = expectedBlocks({ ...recordsOf(pairs), nodes }, ranges, []);
	return { blocks: blocks.map(({ prefix, node }) => `${prefix.text} of ${node}`), notes };
}

describe("blocks", () => {
	test("belong to the nodes that the keys name", () => {
		const pairs = noted.map((key) => ({ key, value: '{"state":"confirmed"}' }));
		expect(expected([...pairs, { key: `${host}/ku13-2/ipv6/block/fd00:244:0:7::-122`, value: "" }])).toEqual({
			blocks: [
				"192.244.32.0/26 of ku13-2",
				"192.244.32.64/26 of ku13-2",
				"192.244.190.128/26 of ku13-1",
				"192.244.190.192/26 of ku13-1",
				"fd00:244:0:7::/122 of ku13-2",
			],
			notes: [],
		});
	});

	test.each<[string, string]>([
		["pending", '{"state":"pending","deleted":false}'],
		["about to go", '{"state":"pendingDeletion","deleted":false}'],
		["gone", '{"state":"confirmed","deleted":true}'],
	])("that are %s are not waited for", (_, value) => {
		expect(expected([{ key: noted[0] ?? "", value }])).toEqual({ blocks: [], notes: [] });
	});

	test.each(["", "{}", '{"state":""}'])("without a state are confirmed, as Calico's BIRD takes them: %j", (value) => {
		expect(affinity(noted[0] ?? "", value)).toMatchObject({ spec: { state: "confirmed", deleted: false } });
	});

	test("without a node belong to the name in their key", () => {
		const key = "/calico/ipam/v2/virtual/load-balancer/ipv4/block/192.244.1.0-26";
		expect(affinity(key)).toMatchObject({ spec: { cidr: "192.244.1.0/26", node: "load-balancer" } });
	});

	test.each(["no JSON", "null", "[]", "7", '"confirmed"', '{"state":1}', '{"deleted":"perhaps"}'])(
		"with an unreadable value are left out, with a note: %s",
		(value) => {
			const { blocks, notes } = expected([{ key: noted[0] ?? "", value }]);
			expect(blocks).toEqual([]);
			expect(notes).toEqual([
				expect.stringContaining('left out a record that is not a block affinity: {"key":"/calico/ipam'),
			]);
		},
	);

	test.each(["192.244.1.0", "192.244.1.1-26", "192.244.1.0-26-26", "%2e%2e", "-"])(
		"with a broken prefix are left out, with a note: %s",
		(block) => {
			const { blocks, notes } = expected([{ key: `${host}/ku13-1/ipv4/block/${block}`, value: "" }]);
			expect(blocks).toEqual([]);
			expect(notes).toEqual([expect.stringContaining('left out a block of "ku13-1"')]);
		},
	);

	test.each([
		`${host}/ku13-1`,
		`${host}/ku13-1/ipv4/handle/x`,
		`${host}//ipv4/block/192.244.1.0-26`,
		`${host}/a/b/ipv4/block/192.244.1.0-26`,
		`${host}/ku13-1/ipv4/block/192.244.1.0-26/x`,
		`/other${host}/ku13-1/ipv4/block/192.244.1.0-26`,
		"/calico/ipam/v2/assignment/ipv4/block/192.244.1.0-26",
		`${pools}`,
		`${pools}/a/b`,
	])("do not come from other keys: %s", (key) => {
		expect(recordsOf([{ key, value: "{}" }])).toEqual({ affinities: [], pools: [] });
	});

	test("are read back from the keys that they make, whatever they are", () => {
		const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,60}[a-z0-9])?$/);
		fc.assert(
			fc.property(name, anyPrefix, (node, { text, family }) => {
				const key = `${host}/${node}/ipv${family}/block/${text.replace("/", "-")}`;
				expect(affinity(key)).toEqual({ spec: { cidr: text, node, state: "confirmed", deleted: false } });
			}),
		);
	});

	test("never come from unreadable content of etcd: it gives notes that are safe to show", () => {
		const below = fc.constantFrom(...CALICO_PREFIXES);
		const key = fc
			.tuple(below, fc.array(fc.oneof(fc.string(), fc.constantFrom("ipv4", "block", "__proto__"))))
			.map(([prefix, words]) => prefix + words.join("/"));
		const value = fc.oneof(fc.string(), fc.json());
		fc.assert(
			fc.property(fc.array(fc.record({ key, value })), (pairs) => {
				const { notes } = expected(pairs);
				expect(notes.every((note) => /^[ -~«»…]*$/.test(note))).toBe(true);
			}),
		);
	});
});

describe("pools", () => {
	test("are read from the resources of Calico's API", () => {
		const spec = { cidr: "192.244.0.0/16", ipipMode: "Always", vxlanMode: "Never", natOutgoing: true, disabled: false };
		const value = JSON.stringify({ kind: "IPPool", apiVersion: "projectcalico.org/v3", metadata: { name: "a" }, spec });
		const { affinities, pools: records } = recordsOf([{ key: `${pools}/a`, value }]);
		expect(affinities).toEqual([]);
		expect(poolsOf(records)).toMatchObject({
			pools: [{ prefix: { text: "192.244.0.0/16" }, overlay: "IP-in-IP", natOutgoing: true, announced: true }],
			notes: [],
		});
	});

	test.each(["", "null", "x", "[]", '{"spec":{"cidr":7}}'])("that cannot be read give a note: %j", (value) => {
		const { pools: found, notes } = poolsOf(recordsOf([{ key: `${pools}/a`, value }]).pools);
		expect(found).toEqual([]);
		expect(notes).toEqual([expect.stringContaining("left out a record that is not an IP pool")]);
	});
});
