import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyPrefix, must } from "../../../tests/fixtures/arbitraries.ts";
import { firstAddress, parsePrefix, prefixAround } from "../values/prefix.ts";
import { reverseZones } from "./reverseZones.ts";

const zones = (text: string) => reverseZones(must(parsePrefix(text)));

describe("reverseZones", () => {
	test.each([
		["192.96.0.0/16", ["96.192.in-addr.arpa"]],
		["10.0.0.0/8", ["10.in-addr.arpa"]],
		["192.168.1.0/24", ["1.168.192.in-addr.arpa"]],
		["192.0.2.7/32", ["7.2.0.192.in-addr.arpa"]],
		["10.0.0.0/7", ["10.in-addr.arpa", "11.in-addr.arpa"]],
		["192.168.4.0/23", ["4.168.192.in-addr.arpa", "5.168.192.in-addr.arpa"]],
		["192.0.2.4/31", ["4.2.0.192.in-addr.arpa", "5.2.0.192.in-addr.arpa"]],
		["fd00::/8", ["d.f.ip6.arpa"]],
		["2001:db8::/32", ["8.b.d.0.1.0.0.2.ip6.arpa"]],
		["fd00:96::/31", ["6.9.0.0.0.0.d.f.ip6.arpa", "7.9.0.0.0.0.d.f.ip6.arpa"]],
	])("%s", (text, expected) => {
		expect(zones(text)).toEqual(expected);
	});

	test("a /12 becomes sixteen zones, in order", () => {
		expect(zones("10.96.0.0/12")).toEqual(Array.from({ length: 16 }, (_, index) => `${96 + index}.10.in-addr.arpa`));
	});

	test("the last address of a prefix is in its last zone", () => {
		expect(zones("fd00:10:96::/108")).toHaveLength(1);
		expect(zones("192.244.190.128/26").at(-1)).toBe("191.190.244.192.in-addr.arpa");
	});

	test("every prefix has few zones, each once, and they hold its first address", () => {
		fc.assert(
			fc.property(anyPrefix, (prefix) => {
				const all = reverseZones(prefix);
				expect(all.length).toBeLessThanOrEqual(prefix.family === 4 ? 128 : 8);
				expect(new Set(all).size).toBe(all.length);
				const host = prefixAround(firstAddress(prefix), prefix.family === 4 ? 32 : 128);
				const [name = ""] = reverseZones(host);
				expect(`.${name}`.endsWith(`.${all[0]}`)).toBe(true);
			}),
		);
	});
});
