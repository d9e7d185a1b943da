import { describe, expect, test } from "vitest";
import { machineNamed, machines, macOf, namespaceOf } from "./machines.ts";
import { idsOf, type Scope, site } from "./site.ts";

describe("the site's description", () => {
	const spare = { name: "spare", address: site.spareAddress };
	const all = [site.operator, ...machines, spare];

	test("every machine has a name, an address and a MAC address of its own", () => {
		for (const values of [all.map((m) => m.name), all.map((m) => m.address), all.map(macOf)]) {
			expect(new Set(values).size).toBe(all.length);
		}
	});

	test("every address is on the site's network", () => {
		for (const { address } of all) expect(address).toMatch(/^10\.200\.0\.\d+$/);
	});

	test("every name is short enough for a network interface: the hub's bridge has a port with that name", () => {
		for (const { name } of all) expect(name.length).toBeLessThanOrEqual(15);
	});

	test("a machine is found by its name; an unknown name is an error that names those that exist", () => {
		expect(machineNamed("ps-nm")).toMatchObject({ address: "10.200.0.32" });
		expect(() => machineNamed("nobody")).toThrow(/not have a host nobody; it has ns-1, cp-1/);
	});

	test("there is a server of every kind", () => {
		const kinds: readonly string[] = site.servers.map(({ kind }) => kind);
		expect(kinds).toEqual(["resolved", "networkmanager", "ifupdown", "netplan", "dnsmasq", "dhcp"]);
	});

	test("MAC addresses and namespaces follow from address and name", () => {
		expect(macOf({ name: "ps-resolved", address: "10.200.0.31" })).toBe("02:00:0a:c8:00:1f");
		expect(namespaceOf("gw-1")).toBe("pgw-gw-1");
	});

	test.each<[Scope, readonly string[]]>([
		["site", ["pgw-"]],
		["tests", ["pgw1-", "pgw12-"]],
		["machine", ["pgw-", "pgw1-", "pgw12-"]],
	])("a command about the scope %s means these sites and no others", (scope, meant) => {
		const prefix = new RegExp(`^pgw${idsOf(scope)}-$`);
		expect(["pgw-", "pgw1-", "pgw12-", "pgwx-"].filter((name) => prefix.test(name))).toEqual(meant);
	});
});
