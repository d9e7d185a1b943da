import { describe, expect, test } from "vitest";
import { parseDesired } from "../src/core/wire/parseDesired.ts";
import { must } from "../tests/fixtures/arbitraries.ts";
import { defaultRoutes, missingServers, movedServer, shortPrefixes, tooManyGone, unpinned } from "./rules.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMVICK13Wys5wPl";

function plan(...routes: string[]) {
	const lines = ["pod-gateway 1", "stack prod", "server db-1", ...routes.map((route) => `route ${route}`)];
	return must(parseDesired([...lines, "dns-method none", "verify strict", "rollback-after 60", ""].join("\n")));
}

describe("host-key", () => {
	test("a connection that pins its key, through a bastion with a pinned key, is fine", () => {
		expect(unpinned({ host: "db-1", hostKey: KEY, proxy: { host: "jump", hostKey: KEY } })).toEqual([]);
	});

	test.each([undefined, "", "ssh-rsa AAAAB3NzaC1yc2E", "ssh-ed25519"])("%j does not pin a key", (hostKey) => {
		expect(unpinned({ host: "db-1", hostKey })).toEqual([
			"the connection to db-1 does not pin a host key (ed25519 or ecdsa); set hostKey of that machine",
		]);
	});

	test("every bastion is checked", () => {
		const found = unpinned({ host: "a", hostKey: KEY, bastion: { host: "b", bastion: { host: "c" } } });
		expect(found).toEqual([expect.stringContaining(" b "), expect.stringContaining(" c ")]);
	});
});

test("no-default-route: reports default routes of either family, and no others", () => {
	const routes = plan("0.0.0.0/0 via 10.0.0.1", "::/0 via fd00::1", "128.0.0.0/1 via 10.0.0.1");
	expect(defaultRoutes(routes)).toEqual([
		"db-1 would get the default route 0.0.0.0/0; correct the cluster's ranges",
		"db-1 would get the default route ::/0; correct the cluster's ranges",
	]);
});

test("shortest-prefix: has a limit for each family, and leaves default routes to the other rule", () => {
	const routes = plan(
		"0.0.0.0/0 via 10.0.0.1",
		"128.0.0.0/1 via 10.0.0.1",
		"10.0.0.0/8 via 10.0.0.1",
		"fc00::/7 via fd00::1",
	);
	expect(shortPrefixes(routes, { 4: 8, 6: 48 })).toEqual([
		"db-1 would get a route to 128.0.0.0/1, but shortest-prefix.ipv4 of the policy is 8; correct the cluster's ranges, or that number",
		"db-1 would get a route to fc00::/7, but shortest-prefix.ipv6 of the policy is 48; correct the cluster's ranges, or that number",
	]);
	expect(shortPrefixes(routes, { 4: 0, 6: 0 })).toEqual([]);
});

describe("server-drop", () => {
	const names = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `db-${from + index}`);

	test.each([
		[0, 0, true],
		[1, 0, true],
		[2, 1, true],
		[2, 0, false],
		[10, 8, true],
		[10, 7, false],
		[100, 80, true],
		[100, 79, false],
	])("from %i servers to %i: allowed is %j", (before, now, allowed) => {
		expect(tooManyGone(names(before), names(now), 0.2).length === 0).toBe(allowed);
	});

	test("a share is rounded down without a floating-point error", () => {
		expect(tooManyGone(names(100), names(71), 0.29)).toEqual([]);
		expect(tooManyGone(names(100), names(70), 0.29)).not.toEqual([]);
	});

	test("new servers do not make up for removed ones", () => {
		expect(tooManyGone(names(3), names(3, 10), 0.2)).toEqual([
			"3 servers would be removed at once (db-0, db-1, db-2), but server-drop.share of the policy is 0.2, which allows 1 of 3; remove them in steps",
		]);
	});
});

test("protected-servers: reports removed servers", () => {
	expect(missingServers(["db-1", "db-2"], ["db-2", "db-3"])).toEqual([
		"db-1 is protected and would be removed; put it back into pod-gateway:servers, or remove it from protected-servers",
	]);
});

test("protected-servers: reports a new address, unless the old one is unknown", () => {
	expect(movedServer("db-1", "10.0.0.1", "10.0.0.2")).toEqual([
		"db-1 is protected and would move from 10.0.0.1 to 10.0.0.2; restore its address in pod-gateway:servers, or remove it from protected-servers",
	]);
	expect(movedServer("db-1", "10.0.0.1", "10.0.0.1")).toEqual([]);
	expect(movedServer("db-1", undefined, "10.0.0.1")).toEqual([]);
});
