import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyAddress, anyPrefix, must } from "../../../tests/fixtures/arbitraries.ts";
import { ADDRESS_BITS, compareText } from "./address.ts";
import {
	comparePrefixes,
	contains,
	covers,
	firstAddress,
	isDefault,
	overlaps,
	parsePrefix,
	prefixAround,
	sortedPrefixes,
} from "./prefix.ts";

const prefix = (text: string) => must(parsePrefix(text));

describe("parsePrefix", () => {
	test.each([
		["192.244.190.128/26", "192.244.190.128/26"],
		["0.0.0.0/0", "0.0.0.0/0"],
		["10.0.0.1/32", "10.0.0.1/32"],
		["FD00:0:0:0::/64", "fd00::/64"],
		["::/0", "::/0"],
	])("%s is written %s", (text, canonical) => {
		expect(prefix(text).text).toBe(canonical);
	});

	test.each([
		["192.244.190.129/26", '"192.244.190.129/26" has host bits set; did you mean 192.244.190.128/26?'],
		["fd00::1/64", '"fd00::1/64" has host bits set; did you mean fd00::/64?'],
		["192.244.0.0", '"192.244.0.0" has no prefix length; did you mean 192.244.0.0/32?'],
		["192.244.0.0/33", '"192.244.0.0/33" has a prefix length that is not a number from 0 to 32'],
		["192.244.0.0/016", '"192.244.0.0/016" has a prefix length that is not a number from 0 to 32'],
		["192.244.0.0/-1", '"192.244.0.0/-1" has a prefix length that is not a number from 0 to 32'],
		["192.244.0.0/", '"192.244.0.0/" has a prefix length that is not a number from 0 to 32'],
		["fd00::/129", '"fd00::/129" has a prefix length that is not a number from 0 to 128'],
		["192.244.0.0/16/8", '"192.244.0.0/16/8" is not a prefix such as 192.0.2.0/24 or fd00::/64'],
		["$(reboot)/16", '"$(reboot)/16" is not a prefix such as 192.0.2.0/24 or fd00::/64'],
	])("%s is refused", (text, problem) => {
		expect(parsePrefix(text)).toEqual({ ok: false, problems: [problem] });
	});

	test("clears host bits when told to", () => {
		expect(must(parsePrefix("10.244.0.1/16", "clear")).text).toBe("10.244.0.0/16");
	});

	test("reads back its own text, and the value survives JSON", () => {
		fc.assert(
			fc.property(anyPrefix, (any) => {
				expect(parsePrefix(any.text)).toEqual({ ok: true, value: any });
				expect(JSON.parse(JSON.stringify(any))).toEqual(any);
			}),
		);
	});

	test("never throws, and its text only has hexadecimal digits, dots, colons and a length", () => {
		fc.assert(
			fc.property(
				fc.oneof(
					fc.string(),
					fc.tuple(anyAddress, fc.string()).map(([{ text }, s]) => `${text}/${s}`),
				),
				(text) => {
					const parsed = parsePrefix(text);
					if (parsed.ok) expect(parsed.value.text).toMatch(/^[0-9a-f.:]+\/\d{1,3}$/);
				},
			),
		);
	});
});

describe("ranges", () => {
	test.each([
		["192.244.0.0/16", "192.244.32.0/26", true],
		["192.244.0.0/16", "192.244.0.0/16", true],
		["192.244.32.0/26", "192.244.0.0/16", false],
		["192.244.0.0/16", "192.245.0.0/26", false],
		["0.0.0.0/0", "::/0", false],
		["::/0", "fd00::/8", true],
	])("%s contains %s: %s", (outer, inner, expected) => {
		expect(contains(prefix(outer), prefix(inner))).toBe(expected);
	});

	test("a prefix covers exactly the addresses that share its leading bits", () => {
		fc.assert(
			fc.property(anyPrefix, anyAddress, (any, one) => {
				const shares = one.family === any.family && prefixAround(one, any.length).text === any.text;
				expect(covers(any, one)).toBe(shares);
				expect(covers(any, firstAddress(any))).toBe(true);
			}),
		);
	});

	test("of two that overlap, one contains the other and covers its first address", () => {
		fc.assert(
			fc.property(anyPrefix, anyPrefix, (a, b) => {
				expect(overlaps(a, b)).toBe(overlaps(b, a));
				expect(overlaps(a, b)).toBe(covers(a, firstAddress(b)) || covers(b, firstAddress(a)));
			}),
		);
	});

	test("a shorter prefix around the same address contains the longer", () => {
		fc.assert(
			fc.property(anyAddress, fc.nat(128), fc.nat(128), (one, m, n) => {
				const bits = ADDRESS_BITS[one.family];
				const [short, long] = [Math.min(m, n) % (bits + 1), Math.max(m, n) % (bits + 1)];
				const [wide, narrow] = [prefixAround(one, Math.min(short, long)), prefixAround(one, Math.max(short, long))];
				expect(contains(wide, narrow)).toBe(true);
			}),
		);
	});
});

test("only the whole of a family is the default route", () => {
	expect(["0.0.0.0/0", "::/0", "0.0.0.0/1", "10.0.0.0/8"].filter((text) => isDefault(prefix(text)))).toEqual([
		"0.0.0.0/0",
		"::/0",
	]);
});

describe("order", () => {
	test("family, then address, then length", () => {
		const texts = ["fd00::/64", "192.244.7.0/26", "10.0.0.0/8", "192.244.7.0/24", "9.0.0.0/8", "192.244.7.0/26"];
		expect(sortedPrefixes(texts.map(prefix)).map(({ text }) => text)).toEqual([
			"9.0.0.0/8",
			"10.0.0.0/8",
			"192.244.7.0/24",
			"192.244.7.0/26",
			"fd00::/64",
		]);
	});

	test("does not depend on the order they come in, and is strict", () => {
		fc.assert(
			fc.property(fc.array(anyPrefix), (prefixes) => {
				const sorted = sortedPrefixes(prefixes);
				expect(sortedPrefixes([...prefixes].reverse())).toEqual(sorted);
				for (const [index, one] of sorted.slice(1).entries()) {
					expect(comparePrefixes(sorted[index] ?? one, one)).toBeLessThan(0);
				}
				expect(sorted.map(({ text }) => text).sort(compareText)).toEqual(
					[...new Set(prefixes.map(({ text }) => text))].sort(compareText),
				);
			}),
		);
	});
});
