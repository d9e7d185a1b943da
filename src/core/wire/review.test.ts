import { expect, test } from "vitest";
import { reviewServer } from "./review.ts";

const state = (...lines: string[]) => ["pod-gateway 1", ...lines, "rollback-after 90", ""].join("\n");
const route = (prefix: string) => `route ${prefix} via 10.200.0.20`;
const nameserver = "nameserver 192.96.0.10";

test.each([
	[
		"routes that come and go",
		state(route("10.0.0.0/26"), nameserver),
		state(route("10.0.1.0/26"), route("10.0.2.0/26"), nameserver),
		"db-1: +2 −1 routes, DNS unchanged",
		["-route 10.0.0.0/26 via 10.200.0.20", "+route 10.0.1.0/26 via 10.200.0.20", "+route 10.0.2.0/26 via 10.200.0.20"],
	],
	["nothing", state(nameserver), state(nameserver), "db-1: routes unchanged, DNS unchanged", []],
	[
		"another nameserver",
		state(nameserver),
		state("nameserver 192.96.0.11"),
		"db-1: routes unchanged, DNS changes",
		["-nameserver 192.96.0.10", "+nameserver 192.96.0.11"],
	],
	[
		"another kind of verification",
		state("verify strict"),
		state("verify warn"),
		"db-1: routes unchanged, DNS unchanged, verify changes",
		["-verify strict", "+verify warn"],
	],
])("%s", (_, before, after, summary, lines) => {
	expect(reviewServer("db-1", before, after)).toEqual({ server: "db-1", summary, lines });
});

test("a new server, and one that is restored", () => {
	const all = state(route("10.0.0.0/26"), nameserver);
	expect(reviewServer("db-1", undefined, all).summary).toMatch(/^db-1: new, \+1 route, DNS changes/);
	expect(reviewServer("db-1", all, undefined).summary).toMatch(/^db-1: restored, −1 route, DNS changes/);
});
