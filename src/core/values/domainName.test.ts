import { describe, expect, test } from "vitest";
import { must } from "../../../tests/fixtures/arbitraries.ts";
import { isBelow, parseDomainName, parseLabel } from "./domainName.ts";
import { printable } from "./printable.ts";
import { parseTaint } from "./taint.ts";

test.each([
	["cluster.local", "cluster.local"],
	["Cluster.Local.", "cluster.local"],
	["web-0.web.default.svc.cluster.local", "web-0.web.default.svc.cluster.local"],
])("the name %s is %s", (text, name) => {
	expect(must(parseDomainName(text))).toBe(name);
});

test.each(["", ".", "-a.b", "a-.b", "a..b", "a b", "a_b", "a\n", `${"a".repeat(64)}.b`, "a.".repeat(130)])(
	"%j is not a name",
	(text) => {
		expect(parseDomainName(text).ok).toBe(false);
	},
);

test.each(["gw.1", "GW-1", "-gw", "gw_1", "", "a".repeat(64)])("%j is not a label", (text) => {
	expect(parseLabel(text).ok).toBe(false);
});

test("a name is below a domain only if a dot separates them", () => {
	expect(["a.cluster.local", "cluster.local", "mycluster.local"].map((name) => isBelow(name, "cluster.local"))).toEqual(
		[true, false, false],
	);
});

test("printable text does not have control characters and is bounded", () => {
	expect(printable("a\u001b[31m\u202e\u0085b")).toBe('"a\\u001b[31m\\u202e\\u0085b"');
	expect(printable(`${"x".repeat(500)}end`)).toMatch(/^"x{39} … 385 characters … x{76}end"$/);
	expect(printable(undefined)).toBe("undefined");
});

describe("parseTaint", () => {
	test("key, value, effect", () => {
		expect(must(parseTaint("pod-gateway=true:NoSchedule"))).toEqual({
			key: "pod-gateway",
			value: "true",
			effect: "NoSchedule",
		});
		expect(must(parseTaint("example.org/gateway=:NoExecute")).value).toBe("");
	});
	test.each([
		"pod-gateway",
		"a=b",
		"a=b:Sometimes",
		"a b=c:NoSchedule",
		"=b:NoSchedule",
		"a=b=c:NoSchedule",
		"a/b/c=d:NoSchedule",
	])("%s is refused", (text) => {
		expect(parseTaint(text).ok).toBe(false);
	});
});
