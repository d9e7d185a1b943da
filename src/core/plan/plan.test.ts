import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyAddress, anyPrefix, must } from "../../../tests/fixtures/arbitraries.ts";
import { badLines, goodLines, stateWith } from "../../../tests/fixtures/desiredLines.ts";
import { parseAddress } from "../values/address.ts";
import { addressesOf } from "../values/machine.ts";
import { contains, covers, isDefault, parsePrefix } from "../values/prefix.ts";
import { parseDesired } from "../wire/parseDesired.ts";
import { renderDesired } from "../wire/renderDesired.ts";
import { planSite } from "./plan.ts";
import { DNS_METHODS, type PlannedServer, ROUTE_MODES, type Site, VERIFY_MODES } from "./site.ts";
import { summary } from "./summary.ts";

const address = (text: string) => must(parseAddress(text));
const prefix = (text: string) => must(parsePrefix(text));
const block = (text: string) => ({ prefix: prefix(text), via: [address("10.200.0.11")] });

/** The site of the operations note. */
const site: Site = {
	stack: "lab",
	gateways: [{ name: "gw-1", address: address("10.200.0.20") }],
	ranges: { pods: [prefix("192.244.0.0/16")], services: [prefix("192.96.0.0/16")] },
	mode: "blocks",
	maxShrink: 0.3,
	gathered: [block("192.244.190.128/26"), block("192.244.32.0/26")],
	dns: { addresses: [address("192.96.0.10")], domain: "cluster.local", searchDomains: [], reverseZones: true },
	verify: {
		names: ["web.default.svc.cluster.local"],
		pods: ["db.default.svc.cluster.local"],
		outside: ["www.example.org"],
		rollbackAfter: 90,
	},
	operator: address("10.200.0.2"),
	apiServer: address("10.200.0.10"),
};
const server: PlannedServer = {
	name: "ps-resolved",
	address: address("10.200.0.31"),
	dns: { method: "auto" },
	verify: { mode: "strict" },
};
const dualStack: Site = {
	...site,
	gateways: [
		{ name: "gw-2", address: address("10.200.0.21"), address6: address("fd00:200::21") },
		{ name: "gw-1", address: address("10.200.0.20"), address6: address("fd00:200::20") },
	],
	ranges: {
		pods: [...site.ranges.pods, prefix("fd00:244::/56")],
		services: [...site.ranges.services, prefix("fd00:96::/112")],
	},
	gathered: [...site.gathered, block("fd00:244:0:1::/64")],
	dns: { ...site.dns, addresses: [address("192.96.0.10"), address("fd00:96::a")] },
};

const text = (one: Site, ps = server) => renderDesired(must(planSite(one, [ps]))[0] ?? expect.fail());

test.each([["169.254.20.10"], ["10.8.0.10"], ["192.97.0.10"]])(
	"a nameserver that no planned route leads to is refused: %s",
	(own) => {
		const one = { ...site, dns: { ...site.dns, addresses: [address("192.96.0.10"), address(own)] } };
		const plan = planSite(one, [server]);
		expect(plan.ok ? [] : plan.problems).toEqual([
			`no planned route leads to the nameserver ${own}; set pod-gateway:cluster.dnsAddresses to an address in the Service ranges`,
		]);
	},
);

describe("the desired state", () => {
	test("of the operations note's site", () => {
		expect(text(site)).toMatchInlineSnapshot(`
			"pod-gateway 1
			stack lab
			server ps-resolved
			route 192.96.0.0/16 via 10.200.0.20
			route 192.244.32.0/26 via 10.200.0.20
			route 192.244.190.128/26 via 10.200.0.20
			max-shrink 30
			dns-method auto
			nameserver 192.96.0.10
			domain cluster.local
			reverse-zone 96.192.in-addr.arpa
			reverse-zone 244.192.in-addr.arpa
			verify strict
			verify-name kubernetes.default.svc.cluster.local 192.96.0.0/16
			verify-name web.default.svc.cluster.local 192.96.0.0/16 192.244.0.0/16
			verify-pods db.default.svc.cluster.local 192.244.0.0/16
			verify-outside www.example.org
			rollback-after 90
			"
		`);
	});

	test("with two gateways and both families", () => {
		const ps = { ...server, address6: address("fd00:200::31"), verify: { mode: "warn" as const } };
		expect(
			text(
				{ ...dualStack, dns: { ...dualStack.dns, searchDomains: ["default.svc.cluster.local"], reverseZones: false } },
				ps,
			),
		).toMatchInlineSnapshot(`
			"pod-gateway 1
			stack lab
			server ps-resolved
			route 192.96.0.0/16 via 10.200.0.20 via 10.200.0.21
			route 192.244.32.0/26 via 10.200.0.20 via 10.200.0.21
			route 192.244.190.128/26 via 10.200.0.20 via 10.200.0.21
			route fd00:96::/112 via fd00:200::20 via fd00:200::21
			route fd00:244:0:1::/64 via fd00:200::20 via fd00:200::21
			max-shrink 30
			dns-method auto
			nameserver 192.96.0.10
			nameserver fd00:96::a
			domain cluster.local
			search default.svc.cluster.local
			verify warn
			verify-name kubernetes.default.svc.cluster.local 192.96.0.0/16 fd00:96::/112
			verify-name web.default.svc.cluster.local 192.96.0.0/16 192.244.0.0/16 fd00:96::/112 fd00:244::/56
			verify-pods db.default.svc.cluster.local 192.244.0.0/16 fd00:244::/56
			verify-outside www.example.org
			rollback-after 90
			"
		`);
	});

	test("with one route per pod range", () => {
		expect(text({ ...site, mode: "pools", gathered: [] })).toContain(
			"\nroute 192.96.0.0/16 via 10.200.0.20\nroute 192.244.0.0/16 via 10.200.0.20\n",
		);
	});

	test("without names", () => {
		expect(text(site, { ...server, dns: { method: "none" } })).toBe(
			"pod-gateway 1\nstack lab\nserver ps-resolved\n" +
				"route 192.96.0.0/16 via 10.200.0.20\nroute 192.244.32.0/26 via 10.200.0.20\nroute 192.244.190.128/26 via 10.200.0.20\n" +
				"max-shrink 30\ndns-method none\nverify strict\nrollback-after 90\n",
		);
	});

	test("a server of one family in a cluster of both gets that family only", () => {
		const routes = text(dualStack).match(/^(route|nameserver) .*$/gm);
		expect(routes).toEqual([
			"route 192.96.0.0/16 via 10.200.0.20 via 10.200.0.21",
			"route 192.244.32.0/26 via 10.200.0.20 via 10.200.0.21",
			"route 192.244.190.128/26 via 10.200.0.20 via 10.200.0.21",
			"nameserver 192.96.0.10",
		]);
	});

	test("does not depend on the order of anything", () => {
		const turned: Site = {
			...dualStack,
			gateways: [...dualStack.gateways].reverse(),
			ranges: { pods: [...dualStack.ranges.pods].reverse(), services: [...dualStack.ranges.services].reverse() },
			gathered: [...dualStack.gathered].reverse(),
		};
		expect(text(turned)).toBe(text(dualStack));
	});
});

describe("a plan is refused when", () => {
	test.each<[string, Partial<Site>, string]>([
		[
			"a pod range is a default route",
			{ ranges: { ...site.ranges, pods: [prefix("0.0.0.0/0")] } },
			"the pod range 0.0.0.0/0 is a default route, which is never pushed",
		],
		[
			"a range overlaps loopback",
			{ ranges: { ...site.ranges, services: [prefix("127.0.0.0/8")] } },
			"the Service range 127.0.0.0/8 overlaps 127.0.0.0/8, which is never routed through another host",
		],
		[
			"pod and Service ranges overlap",
			{ ranges: { pods: [prefix("10.0.0.0/8")], services: [prefix("10.96.0.0/12")] } },
			"the pod range 10.0.0.0/8 overlaps the Service range 10.96.0.0/12; set pod-gateway:cluster.podRanges or serviceRanges",
		],
		[
			"there is no pod range",
			{ ranges: { ...site.ranges, pods: [] } },
			"the cluster's pod ranges are unknown; set pod-gateway:cluster.podRanges",
		],
		[
			"there is no Service range",
			{ ranges: { ...site.ranges, services: [] } },
			"the cluster's Service ranges are unknown; set pod-gateway:cluster.serviceRanges",
		],
		[
			"no block was found",
			{ gathered: [] },
			"the survey did not find a route to a pod block on gw-1; check that calico-node runs and is connected there",
		],
		[
			"a gathered prefix is a default route",
			{ gathered: [block("0.0.0.0/0")] },
			"the gathered prefix 0.0.0.0/0 covers the whole pod range 192.244.0.0/16",
		],
		[
			"a gathered prefix lies elsewhere",
			{ gathered: [block("172.16.0.0/26")] },
			"the gathered prefix 172.16.0.0/26 is outside the pod ranges",
		],
		[
			"a route would cover a gateway",
			{ gateways: [{ name: "gw-1", address: address("192.244.32.5") }] },
			"the route to 192.244.32.0/26 would cover the gateway gw-1, 192.244.32.5",
		],
		[
			"a route would cover the operator",
			{ operator: address("192.96.1.1") },
			"the route to 192.96.0.0/16 would cover the operator's machine, 192.96.1.1",
		],
		[
			"a route would cover the API server",
			{ apiServer: address("192.96.0.1") },
			"the route to 192.96.0.0/16 would cover the API server, 192.96.0.1",
		],
		[
			"a route would cover a bastion, or any other host of the settings",
			{ kept: [{ address: address("192.96.7.7"), setting: "pod-gateway:ssh.bastion.address" }] },
			"the route to 192.96.0.0/16 would cover 192.96.7.7, which is pod-gateway:ssh.bastion.address",
		],
		[
			"the domain is not a DNS name",
			{ dns: { ...site.dns, domain: "cluster local" } },
			'"cluster local" is not a DNS name such as cluster.local',
		],
		[
			"a search domain breaks the line",
			{ dns: { ...site.dns, searchDomains: ["a\nverify off"] } },
			'"a\\nverify off" is not a DNS name such as cluster.local',
		],
		[
			"a name to verify is not the cluster's",
			{ verify: { ...site.verify, names: ["www.example.org"] } },
			'pod-gateway:verify.names: "www.example.org" is not below the cluster\'s domain "cluster.local"',
		],
		[
			"the stack's name has other characters",
			{ stack: "a b" },
			'the stack name "a b" has characters that a stack name cannot have',
		],
		...["-x", ".x", "a..b", "/a"].map((stack): [string, Partial<Site>, string] => [
			`the stack's name cannot name a folder: ${stack}`,
			{ stack },
			`the stack name "${stack}" cannot be the name of a folder on the servers: it begins with . - or /, or contains ..`,
		]),
	])("%s", (_, change, problem) => {
		expect(planSite({ ...site, ...change }, [server])).toEqual({
			ok: false,
			problems: expect.arrayContaining([problem]),
		});
	});

	test.each<[string, Site, Partial<PlannedServer>, string]>([
		[
			"a route would cover the server",
			site,
			{ address: address("192.244.32.7") },
			'pod-gateway:servers: "ps-resolved": the route to 192.244.32.0/26 would cover the server\'s own address 192.244.32.7',
		],
		[
			"a route would cover its IPv6 address",
			dualStack,
			{ address6: address("fd00:96::7") },
			'pod-gateway:servers: "ps-resolved": the route to fd00:96::/112 would cover the server\'s own address fd00:96::7',
		],
		[
			"no gateway has the server's family",
			{ ...dualStack, gateways: site.gateways },
			{ address6: address("fd00:200::31") },
			"no gateway has an IPv6 address; set address6 in pod-gateway:gateways",
		],
		[
			"the server does not have the cluster's family",
			site,
			{ address: address("fd00:200::31") },
			'pod-gateway:servers: "ps-resolved" has no address of the cluster\'s family; set address6 or address',
		],
		[
			"the server cannot reach a nameserver",
			{ ...site, dns: { ...site.dns, addresses: [] } },
			{},
			'pod-gateway:servers: "ps-resolved" has no address of the family of the cluster\'s nameserver; set pod-gateway:cluster.dnsAddresses',
		],
	])("%s", (_, one, change, problem) => {
		expect(planSite(one, [{ ...server, ...change }])).toEqual({
			ok: false,
			problems: expect.arrayContaining([problem]),
		});
	});

	test("there are more routes than any cluster has", () => {
		const one = block("192.244.32.0/26");
		const gathered = Array.from({ length: 50_001 }, () => one);
		expect(planSite({ ...site, gathered }, [server])).toEqual({
			ok: false,
			problems: [
				"the gateways have 50001 routes to pods, more than 50000; find out what adds them, or set pod-gateway:routes.mode to pools",
			],
		});
	});

	test("a route would cover a gateway that the settings name, too: it is named once", () => {
		const own = address("192.244.32.5");
		const kept = [{ address: own, setting: "pod-gateway:gateways[0].address" }];
		expect(planSite({ ...site, kept, gateways: [{ name: "gw-1", address: own }] }, [server])).toEqual({
			ok: false,
			problems: ["the route to 192.244.32.0/26 would cover the gateway gw-1, 192.244.32.5"],
		});
	});

	test("servers have problems: all are listed, each once", () => {
		const without = { ...dualStack, gateways: site.gateways };
		const servers = ["a", "b", "c"].map((name) => ({ ...server, name, address6: address("fd00:200::31") }));
		expect(planSite(without, servers)).toEqual({
			ok: false,
			problems: ["no gateway has an IPv6 address; set address6 in pod-gateway:gateways"],
		});
	});
});

test("a thousand servers share one list of routes for each of their families", () => {
	const servers = Array.from({ length: 1000 }, (_, index) => ({
		...server,
		name: `db-${index}`,
		address: must(parseAddress(`10.200.${4 + (index >> 8)}.${index & 255}`)),
		...(index % 2 ? { address6: address(`fd00:200::1:${(index + 1).toString(16)}`) } : {}),
	}));
	const plans = must(planSite(dualStack, servers));
	expect(new Set(plans.map(({ routes }) => routes)).size).toBe(2);
	expect(plans.map(({ routes }) => routes.length).slice(0, 2)).toEqual([3, 5]);
});

/** Random sites with traps in them, yet close enough to a good one that some plans pass. */
const anySite: fc.Arbitrary<Site> = fc.record({
	// Most sites have one trap or none; otherwise hardly any plan would pass.
	gateways: fc.oneof(
		{ weight: 2, arbitrary: fc.constant(dualStack.gateways) },
		fc.array(
			fc.record({
				name: fc.constant("gw-1"),
				address: anyAddress,
				address6: fc.option(anyAddress, { nil: undefined }),
			}),
			{ minLength: 1, maxLength: 3 },
		),
	),
	ranges: fc.oneof(
		{ weight: 2, arbitrary: fc.constant(dualStack.ranges) },
		fc.record({ pods: fc.array(anyPrefix, { maxLength: 2 }), services: fc.array(anyPrefix, { maxLength: 2 }) }),
	),
	maxShrink: fc.integer({ min: 0, max: 100 }).map((hundredths) => hundredths / 100),
	mode: fc.constantFrom(...ROUTE_MODES),
	gathered: fc.array(
		fc.oneof(
			fc.constantFrom(...dualStack.gathered),
			anyPrefix.map((one) => ({ prefix: one, via: [] })),
		),
		{ maxLength: 4 },
	),
	dns: fc.record({
		addresses: fc.oneof(
			{ weight: 3, arbitrary: fc.constant(dualStack.dns.addresses) },
			fc.array(anyAddress, { maxLength: 2 }),
		),
		domain: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("cluster.local", "k8s.example.org") }, fc.string()),
		searchDomains: fc.oneof(
			{ weight: 9, arbitrary: fc.constantFrom([], ["svc.cluster.local"]) },
			fc.array(fc.string()),
		),
		reverseZones: fc.boolean(),
	}),
	verify: fc.record({
		names: fc.constantFrom([], ["web.cluster.local"]),
		pods: fc.constantFrom([], ["db.cluster.local"]),
		outside: fc.constantFrom([], ["www.example.org"]),
		rollbackAfter: fc.integer({ min: 20, max: 120 }),
	}),
	stack: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("lab", "org/project/prod") }, fc.string()),
	operator: fc.option(anyAddress, { nil: undefined }),
	apiServer: fc.option(anyAddress, { nil: undefined }),
});
const anyServer: fc.Arbitrary<PlannedServer> = fc.record({
	name: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("ps-1", "ps-2") }, fc.string()),
	address: anyAddress,
	address6: fc.option(
		anyAddress.filter(({ family }) => family === 6),
		{ nil: undefined },
	),
	dns: fc.record({ method: fc.constantFrom(...DNS_METHODS) }),
	verify: fc.record({ mode: fc.constantFrom(...VERIFY_MODES) }),
});

test("no plan that passes cuts a machine off, and each plan's text reads back as the plan", {
	timeout: 60_000,
}, () => {
	let passed = 0;
	fc.assert(
		fc.property(anySite, fc.array(anyServer, { maxLength: 2 }), (one, servers) => {
			const plans = planSite(one, servers);
			if (!plans.ok) {
				expect(plans.problems.length).toBeGreaterThan(0);
				return;
			}
			for (const [index, plan] of plans.value.entries()) {
				passed++;
				const own = servers[index] ?? expect.fail();
				const kept = [...one.gateways, own].flatMap((machine) => addressesOf(machine));
				for (const { prefix: destination, via } of plan.routes) {
					expect(isDefault(destination)).toBe(false);
					const ranges = [...one.ranges.pods, ...one.ranges.services];
					expect(ranges.some((range) => contains(range, destination))).toBe(true);
					for (const other of [...kept, one.operator, one.apiServer]) {
						if (other) expect(covers(destination, other)).toBe(false);
					}
					expect(via.length).toBeGreaterThan(0);
					for (const hop of via) expect(hop.family).toBe(destination.family);
				}
				const rendered = renderDesired(plan);
				expect(rendered).toMatch(/^([!-~]+( [!-~]+)+\n)+$/);
				expect(must(parseDesired(rendered))).toEqual(plan);
			}
		}),
		{ numRuns: 1000 },
	);
	expect(passed).toBeGreaterThan(30);
});

describe("a line of a desired state", () => {
	test.each(goodLines)("%s is read", (line) => {
		expect(parseDesired(stateWith(line)).ok).toBe(true);
	});

	test.each(badLines)("«%s» is refused", (line) => {
		expect(parseDesired(stateWith(line)).ok).toBe(false);
	});

	test.each(["19", "121", "020", "0x20", "-60", "60s", ""])("rollback-after %s is refused", (seconds) => {
		expect(parseDesired(stateWith("domain cluster.local", seconds)).ok).toBe(false);
	});
});

describe("parseDesired refuses", () => {
	const good = text(site);
	test.each([
		["another version", good.replace("pod-gateway 1", "pod-gateway 2")],
		["a cut text", good.slice(0, -1)],
		["a missing line", good.replace(/^verify strict\n/m, "")],
		["an unknown keyword", `${good}reboot now\n`],
		["a route without next hop", `${good}route 192.244.7.0/26\n`],
		["a route with a broken next hop", `${good}route 192.244.7.0/26 via gw-1\n`],
		["a route with other words", `${good}route 192.244.7.0/26 dev eth0\n`],
		["a broken nameserver", `${good}nameserver cluster\n`],
		["an unknown method", good.replace("dns-method auto", "dns-method magic")],
		["a value too many", good.replace("stack lab", "stack lab prod")],
		["a value too few", good.replace("stack lab", "stack")],
		["a time that is not a number", good.replace("rollback-after 90", "rollback-after soon")],
		["a verified name with a broken prefix", `${good}verify-name web 192.244.0.1/16\n`],
	])("%s", (_, broken) => {
		expect(parseDesired(broken).ok).toBe(false);
	});
});

test("a plan with a value of several words is not rendered", () => {
	const plan = must(planSite(site, [server]))[0] ?? expect.fail();
	expect(() => renderDesired({ ...plan, stack: "lab\nroute 0.0.0.0/0 via 10.0.0.1" })).toThrow(RangeError);
});

describe("summary", () => {
	const summed = (one: Site, ps = server) => summary(must(planSite(one, [ps]))[0] ?? expect.fail());
	test("in one line", () => {
		expect(summed(site)).toBe("3 routes via 10.200.0.20; cluster.local at 192.96.0.10");
		expect(summed(dualStack, { ...server, address6: address("fd00:200::31") })).toBe(
			"5 routes via 10.200.0.20 and 10.200.0.21 and fd00:200::20 and fd00:200::21; cluster.local at 192.96.0.10 and fd00:96::a",
		);
		expect(summed(site, { ...server, dns: { method: "none" } })).toBe("3 routes via 10.200.0.20; DNS not managed");
		expect(summed(site, { ...server, dns: { method: "resolvconf" } })).toBe(
			"3 routes via 10.200.0.20; cluster.local at 192.96.0.10, which every lookup asks first",
		);
	});
});
