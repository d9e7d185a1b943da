import { describe, expect, test } from "vitest";
import { must } from "../../../tests/fixtures/arbitraries.ts";
import { parseIpRoutes } from "./ipRoute.ts";
import type { KernelTable } from "./kernelRoutes.ts";
import { parseRouteCommand } from "./routeCommand.ts";

/** All outputs here were recorded on Linux 6.18 with iproute2 6.1. */
const IP_JSON_4 = `[{"dst":"default","gateway":"10.0.0.9","dev":"va","flags":[]},
{"dst":"10.0.0.0/24","dev":"va","protocol":"kernel","scope":"link","prefsrc":"10.0.0.1","flags":[]},
{"dst":"192.244.1.0/26","gateway":"10.0.0.2","dev":"va","protocol":"bird","flags":["linkdown"]},
{"dst":"192.244.5.0/26","flags":[],"nexthops":[{"gateway":"10.0.0.2","dev":"va","weight":1,"flags":[]},{"gateway":"10.0.0.3","dev":"va","weight":2,"flags":["dead"]}]},
{"dst":"192.244.6.7","gateway":"10.0.0.2","dev":"va","flags":["onlink"]},
{"dst":"192.244.8.0/24","via":{"family":"inet6","host":"fd00::2"},"dev":"va","flags":[]},
{"dst":"192.244.9.1","dev":"va","scope":"link","flags":[]},
{"type":"blackhole","dst":"192.244.2.0/26","protocol":"bird","flags":[]},
{"type":"unreachable","dst":"192.244.3.0/26","flags":[]}]`;

const IP_JSON_6 = `[{"dst":"fd10::/64","gateway":"fd00::2","dev":"va","metric":1024,"flags":[],"pref":"medium"},
{"dst":"fd11::/122","metric":1024,"flags":[],"pref":"medium","nexthops":[{"gateway":"fd00::2","dev":"va","weight":1,"flags":[]},{"gateway":"fd00::3","dev":"va","weight":1,"flags":[]}]},
{"type":"blackhole","dst":"fd12::/64","dev":"lo","metric":1024,"flags":[],"pref":"medium"},
{"dst":"fd13::5","gateway":"fd00::2","dev":"va","metric":1024,"flags":[],"pref":"medium"},
{"dst":"default","gateway":"fd00::9","dev":"va","metric":1024,"flags":[],"pref":"medium"}]`;

const ROUTE_N = `Kernel IP routing table
Destination     Gateway         Genmask         Flags Metric Ref    Use Iface
0.0.0.0         10.0.0.9        0.0.0.0         UG    0      0        0 va
10.0.0.0        0.0.0.0         255.255.255.0   U     0      0        0 va
192.244.1.0     10.0.0.2        255.255.255.192 UG    0      0        0 va
192.244.6.7     10.0.0.2        255.255.255.255 UGH   0      0        0 va
192.244.9.1     0.0.0.0         255.255.255.255 UH    0      0        0 va
192.244.2.0     0.0.0.0         255.255.255.192 U     0      0        0 *
192.244.3.0     -               255.255.255.192 !     0      -        0 -
`;

const ROUTE_N_6 = `Kernel IPv6 routing table
Destination                    Next Hop                   Flag Met Ref  Use If
fd00::/64                      ::                         U    256 3      0 va
fd11::/122                     fd00::2                    UG   1024 1      0 va
fd11::/122                     fd00::3                    UG   1024 1      0 va
fd12::/64                      ::                         !n   1024 2      0 lo
::/0                           fd00::9                    UG   1024 1      0 va
`;

function lines({ routes }: KernelTable): string[] {
	return routes.map(({ destination, type, nextHops }) =>
		[type === "unicast" ? "" : `${type} `, destination.text, ...nextHops.map(({ text }) => ` via ${text}`)].join(""),
	);
}

describe("parseIpRoutes", () => {
	test("reads IPv4", () => {
		const table = must(parseIpRoutes(IP_JSON_4, 4));
		expect(table.unreadable).toEqual([]);
		expect(lines(table)).toEqual([
			"0.0.0.0/0 via 10.0.0.9",
			"10.0.0.0/24",
			"192.244.1.0/26 via 10.0.0.2",
			"192.244.5.0/26 via 10.0.0.2",
			"192.244.6.7/32 via 10.0.0.2",
			"192.244.8.0/24 via fd00::2",
			"192.244.9.1/32",
			"blackhole 192.244.2.0/26",
			"unreachable 192.244.3.0/26",
		]);
		expect(table.routes[2]).toMatchObject({ protocol: "bird", flags: ["linkdown"] });
	});

	test("reads IPv6", () => {
		const table = must(parseIpRoutes(IP_JSON_6, 6));
		expect(table.unreadable).toEqual([]);
		expect(lines(table)).toEqual([
			"fd10::/64 via fd00::2",
			"fd11::/122 via fd00::2 via fd00::3",
			"blackhole fd12::/64",
			"fd13::5/128 via fd00::2",
			"::/0 via fd00::9",
		]);
		expect(table.routes[0]?.metric).toBe(1024);
	});

	test.each([
		['{"dst":7}', /dst: Invalid input/],
		["null", /row: Invalid input/],
		['{"gateway":"10.0.0.1"}', /dst: Invalid input/],
		['{"dst":"192.244.1.0/26; reboot"}', /dst: Invalid string/],
		['{"dst":"192.244.1.1/26"}', /did you mean 192.244.1.0\/26/],
		['{"dst":"fd00::/64"}', /fd00::\/64 is not of IPv4/],
		['{"dst":"192.244.1.0/26","gateway":"$(id)"}', /"\$\(id\)" is not an IPv4 or IPv6 address/],
		['{"dst":"192.244.1.0/26","flags":"x"}', /flags: Invalid input/],
		['{"dst":"192.244.1.0/26","nexthops":[{"gateway":["10.0.0.1"]}]}', /nexthops.0.gateway: Invalid input/],
		['{"dst":"a\\u001b[31m"}', /^route {"dst":"a\\u001b\[31m"}: /],
	])("reports the row %s and keeps the others", (row, problem) => {
		const table = must(parseIpRoutes(`[${row},{"dst":"192.244.1.0/26","gateway":"10.0.0.2"}]`, 4));
		expect(lines(table)).toEqual(["192.244.1.0/26 via 10.0.0.2"]);
		expect(table.unreadable).toHaveLength(1);
		expect(table.unreadable[0]).toMatch(problem);
	});

	test.each(["", "{}", "null", '"x"', "[", "Object \\"])("%j is not a list", (text) => {
		expect(parseIpRoutes(text, 4)).toMatchObject({
			ok: false,
			problems: [expect.stringContaining("is not a JSON list")],
		});
	});
});

describe("parseRouteCommand", () => {
	test("reads IPv4", () => {
		const table = must(parseRouteCommand(ROUTE_N, 4));
		expect(table.unreadable).toEqual([]);
		expect(lines(table)).toEqual([
			"0.0.0.0/0 via 10.0.0.9",
			"10.0.0.0/24",
			"192.244.1.0/26 via 10.0.0.2",
			"192.244.6.7/32 via 10.0.0.2",
			"192.244.9.1/32",
			"blackhole 192.244.2.0/26",
			"unreachable 192.244.3.0/26",
		]);
	});

	test("reads IPv6", () => {
		expect(lines(must(parseRouteCommand(ROUTE_N_6, 6)))).toEqual([
			"fd00::/64",
			"fd11::/122 via fd00::2",
			"fd11::/122 via fd00::3",
			"unreachable fd12::/64",
			"::/0 via fd00::9",
		]);
	});

	test.each([
		["192.244.1.0 10.0.0.2 255.0.255.0 UG 0 0 0 va", /"255.0.255.0" is not a netmask/],
		["192.244.1.0 gw-1 255.255.255.0 UG 0 0 0 va", /"gw-1" is not an IPv4 or IPv6 address/],
		["192.244.1.1 10.0.0.2 255.255.255.0 UG 0 0 0 va", /host bits set/],
		["192.244.1.0 10.0.0.2 UG", /does not have as many columns/],
	])("reports the row %s", (row, problem) => {
		const table = must(parseRouteCommand(`${ROUTE_N}${row}\n`, 4));
		expect(table.routes).toHaveLength(7);
		expect(table.unreadable).toEqual([expect.stringMatching(problem)]);
	});

	test("a text without the header is an error", () => {
		expect(parseRouteCommand("route: command not found", 4).ok).toBe(false);
	});
});
