import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyAddress, must } from "../../../tests/fixtures/arbitraries.ts";
import { addressOf, compareAddresses, numberOf, parseAddress } from "./address.ts";

describe("parseAddress", () => {
	test.each([
		["10.200.0.20", "10.200.0.20"],
		["0.0.0.0", "0.0.0.0"],
		["255.255.255.255", "255.255.255.255"],
		["FD00:0:0:96:0:0:0:A", "fd00:0:0:96::a"],
		["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
		["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
		["::", "::"],
		["::1", "::1"],
		["1::", "1::"],
		["1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"],
	])("%s is written %s", (text, canonical) => {
		expect(must(parseAddress(text)).text).toBe(canonical);
	});

	test.each([
		["", '"" is not an IPv4 or IPv6 address'],
		["10.0.0", '"10.0.0" is not an IPv4 or IPv6 address'],
		["10.0.0.256", '"10.0.0.256" is not an IPv4 or IPv6 address'],
		["010.0.0.1", '"010.0.0.1" is not an IPv4 or IPv6 address'],
		["10.0.0.1 ", '"10.0.0.1 " is not an IPv4 or IPv6 address'],
		["10.0.0.1\n", '"10.0.0.1\\n" is not an IPv4 or IPv6 address'],
		["gw-1", '"gw-1" is not an IPv4 or IPv6 address'],
		["1::2::3", '"1::2::3" is not an IPv4 or IPv6 address'],
		["fe80::1%eth0", '"fe80::1%eth0" has a zone; did you mean fe80::1?'],
		["::ffff:10.0.0.1", '"::ffff:10.0.0.1" is an IPv4-mapped address; did you mean 10.0.0.1?'],
	])("%j is refused", (text, problem) => {
		expect(parseAddress(text)).toEqual({ ok: false, problems: [problem] });
	});

	test("reads back what it wrote", () => {
		fc.assert(
			fc.property(anyAddress, (address) => {
				expect(parseAddress(address.text)).toEqual({ ok: true, value: address });
			}),
		);
	});

	test("accepts what Node takes for an address, and nothing else", () => {
		const near = fc.string({ unit: fc.constantFrom(..."0123456789abcdfF:.:."), maxLength: 24 });
		const spoiled = fc
			.tuple(anyAddress, fc.nat(40), near)
			.map(([{ text }, at, noise]) => text.slice(0, at) + noise.slice(0, 2) + text.slice(at));
		fc.assert(
			fc.property(fc.oneof(near, spoiled, fc.string()), (text) => {
				const parsed = parseAddress(text);
				const refusedOnPurpose = !parsed.ok && /has a zone|mapped/.test(parsed.problems[0] ?? "");
				expect(parsed.ok || refusedOnPurpose).toBe(isIP(text) !== 0);
			}),
			{ numRuns: 2000 },
		);
	});
});

test("addresses order as their numbers do, IPv4 first", () => {
	fc.assert(
		fc.property(anyAddress, anyAddress, (a, b) => {
			const expected = a.family - b.family || (numberOf(a) < numberOf(b) ? -1 : numberOf(a) > numberOf(b) ? 1 : 0);
			expect(Math.sign(compareAddresses(a, b))).toBe(Math.sign(expected));
		}),
	);
});

test("addressOf undoes numberOf", () => {
	fc.assert(
		fc.property(anyAddress, (address) => {
			expect(addressOf(address.family, numberOf(address))).toEqual(address);
		}),
	);
});
