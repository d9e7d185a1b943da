import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyAddress, anyPrefix, must } from "../../../tests/fixtures/arbitraries.ts";
import { parseIpRoutes } from "../kernel/ipRoute.ts";
import type { KernelRoute } from "../kernel/kernelRoutes.ts";
import { parseAddress } from "../values/address.ts";
import { comparePrefixes, contains, isDefault, parsePrefix } from "../values/prefix.ts";
import { gatherRoutes, onEveryGateway, withNodes } from "./podRoutes.ts";

const pods = ["192.244.0.0/16", "fd00:244::/56"].map((text) => must(parsePrefix(text)));

function route(destination: string, ...nextHops: string[]): KernelRoute {
	return {
		destination: must(parsePrefix(destination)),
		type: "unicast",
		nextHops: nextHops.map((text) => must(parseAddress(text))),
		flags: [],
	};
}

function gathered(...routes: KernelRoute[]): string[] {
	return gatherRoutes(routes, pods).prefixes.map(
		({ prefix, nodes }) => `${prefix.text} via ${nodes.map(({ text }) => text)}`,
	);
}

describe("gatherRoutes keeps", () => {
	test("blocks with a next hop, sorted, of both families", () => {
		expect(
			gathered(
				route("192.244.190.128/26", "10.200.0.11"),
				route("fd00:244:0:7::/64", "fd00:200::11"),
				route("192.244.32.0/26", "10.200.0.12"),
			),
		).toEqual([
			"192.244.32.0/26 via 10.200.0.12",
			"192.244.190.128/26 via 10.200.0.11",
			"fd00:244:0:7::/64 via fd00:200::11",
		]);
	});

	test("one prefix for several rows, with all its nodes", () => {
		expect(
			gathered(route("192.244.7.0/26", "10.200.0.13"), route("192.244.7.0/26", "10.200.0.12", "10.200.0.13")),
		).toEqual(["192.244.7.0/26 via 10.200.0.12,10.200.0.13"]);
	});

	test("the route of a single pod outside its node's blocks", () => {
		expect(gathered(route("192.244.7.5/32", "10.200.0.12"))).toEqual(["192.244.7.5/32 via 10.200.0.12"]);
	});
});

describe("gatherRoutes rejects", () => {
	test.each<[string, KernelRoute, boolean]>([
		["the default route", route("0.0.0.0/0", "10.200.0.1"), false],
		["the default route", route("::/0", "fd00:200::1"), false],
		["a route of type blackhole", { ...route("192.244.9.0/26"), type: "blackhole" }, false],
		["a route of type unreachable", { ...route("192.244.9.0/26"), type: "unreachable" }, false],
		["a route of type prohibit", { ...route("192.244.9.0/26", "10.200.0.1"), type: "prohibit" }, false],
		["has no next hop", route("192.244.9.1/32"), false],
		["outside the pod ranges", route("192.96.0.0/16", "10.200.0.11"), false],
		["outside the pod ranges", route("192.245.0.0/26", "10.200.0.11"), false],
		["covers the whole pod range 192.244.0.0/16", route("192.244.0.0/16", "10.200.0.11"), true],
		["covers the whole pod range 192.244.0.0/16", route("192.0.0.0/8", "10.200.0.11"), true],
		["dead: its link is down", { ...route("192.244.9.0/26", "10.200.0.11"), flags: ["dead"] }, true],
	])("%s", (reason, rejected, suspicious) => {
		expect(gatherRoutes([rejected], pods)).toEqual({
			prefixes: [],
			rejected: [{ route: rejected, reason, suspicious }],
		});
	});
});

const anyRoute: fc.Arbitrary<KernelRoute> = fc.record({
	destination: anyPrefix,
	type: fc.constantFrom("unicast", "unicast", "blackhole", "unreachable", "local"),
	nextHops: fc.array(anyAddress, { maxLength: 2 }),
	flags: fc.subarray(["dead", "linkdown", "onlink"]),
});

function holds(routes: readonly KernelRoute[], ranges: typeof pods) {
	const { prefixes, rejected } = gatherRoutes(routes, ranges);
	for (const [index, { prefix, nodes }] of prefixes.entries()) {
		expect(isDefault(prefix)).toBe(false);
		expect(ranges.some((range) => contains(range, prefix))).toBe(true);
		expect(ranges.some((range) => contains(prefix, range))).toBe(false);
		expect(nodes.length).toBeGreaterThan(0);
		const next = prefixes[index + 1];
		if (next) expect(comparePrefixes(prefix, next.prefix)).toBeLessThan(0);
	}
	const kept = new Set(prefixes.map(({ prefix }) => prefix.text));
	expect(
		routes.filter(({ destination }) => kept.has(destination.text)).length + rejected.length,
	).toBeGreaterThanOrEqual(routes.length);
}

describe("whatever the rows are, only parts of the pod ranges are kept", () => {
	test("any routes, any ranges", () => {
		const ranges = fc.array(anyPrefix, { maxLength: 3 });
		fc.assert(fc.property(fc.array(anyRoute), ranges, (routes, some) => holds(routes, some)));
	});

	test("any JSON", () => {
		const row = fc.record(
			{
				dst: fc.oneof(
					fc.constant("default"),
					anyPrefix.map(({ text }) => text),
					fc.constant("192.244.1.0/26"),
					fc.string(),
				),
				gateway: fc.oneof(
					anyAddress.map(({ text }) => text),
					fc.jsonValue(),
				),
				type: fc.oneof(fc.constant("blackhole"), fc.jsonValue()),
				flags: fc.oneof(fc.constant([]), fc.jsonValue()),
				nexthops: fc.oneof(fc.constant([]), fc.jsonValue()),
			},
			{ requiredKeys: [] },
		);
		fc.assert(
			fc.property(
				fc.oneof(fc.array(fc.oneof(row, fc.jsonValue())), fc.jsonValue()),
				fc.constantFrom<4 | 6>(4, 6),
				(value, family) => {
					const table = parseIpRoutes(JSON.stringify(value), family);
					expect(table.ok).toBe(Array.isArray(value));
					if (!table.ok || !Array.isArray(value)) return;
					expect(table.value.routes.length + table.value.unreadable.length).toBe(value.length);
					holds(table.value.routes, pods);
				},
			),
		);
	});
});

test("with several gateways, only prefixes that all of them reach are kept", () => {
	const [a, b] = [
		["192.244.1.0/26", "192.244.2.0/26"],
		["192.244.2.0/26", "192.244.3.0/26"],
	].map(
		(texts) =>
			gatherRoutes(
				texts.map((text) => route(text, "10.200.0.11")),
				pods,
			).prefixes,
	);
	expect(onEveryGateway([a ?? [], b ?? []]).map(({ prefix }) => prefix.text)).toEqual(["192.244.2.0/26"]);
	expect(onEveryGateway([a ?? []])).toEqual(a);
	expect(onEveryGateway([])).toEqual([]);
});

describe("the node behind a prefix", () => {
	const prefix = must(parsePrefix("192.244.32.0/26"));
	const gathered = [{ prefix, nodes: ["10.200.0.11", "10.200.0.12"].map((text) => must(parseAddress(text))) }];
	const locked = [{ prefix, node: "ku13-2" }];

	test.each([
		["is the block's, by Calico's records", new Map([[prefix.text, "ku13-3"]]), "ku13-3"],
		["is the gateway's next hops, for a prefix without a block", new Map(), "10.200.0.11, 10.200.0.12"],
		["is the locked one while Calico cannot be asked", undefined, "ku13-2"],
	])("%s", (_, owners, node) => {
		expect(withNodes(gathered, owners, locked)).toEqual([{ prefix, node }]);
	});

	test("is also the next hops without owners and without a lock", () => {
		expect(withNodes(gathered, undefined)).toEqual([{ prefix, node: "10.200.0.11, 10.200.0.12" }]);
	});
});
