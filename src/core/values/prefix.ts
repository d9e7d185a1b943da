import { ADDRESS_BITS, type Address, addressOf, compareText, type Family, numberOf, parseAddress } from "./address.ts";
import { printable } from "./printable.ts";
import { failure, type Result, success } from "./result.ts";

/** A range of addresses that a route can name. Plain data: it survives JSON, and prefixes are equal if their texts are. */
export interface Prefix {
	/** The canonical text. Example: `192.244.190.128/26`. */
	readonly text: string;
	readonly family: Family;
	/** The number of leading bits that all its addresses share. */
	readonly length: number;
	/** The first address, as {@link Address.bits}. */
	readonly first: string;
	/** The last address, as {@link Address.bits}. */
	readonly last: string;
}

/**
 * Reads a prefix in CIDR notation. Bits set beyond the length are an error that suggests the prefix probably meant. With
 * `hostBits` `"clear"` they are cleared, as Kubernetes does (Go's `net.ParseCIDR`).
 */
export function parsePrefix(text: string, hostBits: "refuse" | "clear" = "refuse"): Result<Prefix> {
	const [addressText = "", lengthText, ...rest] = text.split("/");
	const address = parseAddress(addressText);
	if (!address.ok || rest.length > 0)
		return failure(`${printable(text)} is not a prefix such as 192.0.2.0/24 or fd00::/64`);
	const bits = ADDRESS_BITS[address.value.family];
	if (lengthText === undefined) {
		return failure(`${printable(text)} has no prefix length; did you mean ${address.value.text}/${bits}?`);
	}
	if (!/^(0|[1-9]\d{0,2})$/.test(lengthText) || Number(lengthText) > bits) {
		return failure(`${printable(text)} has a prefix length that is not a number from 0 to ${bits}`);
	}
	const prefix = prefixAround(address.value, Number(lengthText));
	if (prefix.first !== address.value.bits && hostBits === "refuse") {
		return failure(`${printable(text)} has host bits set; did you mean ${prefix.text}?`);
	}
	return success(prefix);
}

/** The prefix of this length that contains the address. */
export function prefixAround(address: Address, length: number): Prefix {
	const { family } = address;
	const value = numberOf(address);
	const hosts = (1n << BigInt(ADDRESS_BITS[family] - length)) - 1n;
	const first = addressOf(family, value - (value & hosts));
	const last = addressOf(family, value | hosts);
	return { text: `${first.text}/${length}`, family, length, first: first.bits, last: last.bits };
}

/** The first address of a prefix. */
export function firstAddress(prefix: Prefix): Address {
	return addressOf(prefix.family, BigInt(`0x${prefix.first}`));
}

/** Whether the prefix is 0.0.0.0/0 or ::/0. */
export function isDefault(prefix: Prefix): boolean {
	return prefix.length === 0;
}

/** Whether every address of `inner` lies in `outer`; a prefix contains itself. */
export function contains(outer: Prefix, inner: Prefix): boolean {
	return outer.family === inner.family && outer.first <= inner.first && inner.last <= outer.last;
}

/** Whether the two share an address. One of them then contains the other. */
export function overlaps(a: Prefix, b: Prefix): boolean {
	return contains(a, b) || contains(b, a);
}

/** Whether the address lies in the prefix. */
export function covers(prefix: Prefix, address: Address): boolean {
	return prefix.family === address.family && prefix.first <= address.bits && address.bits <= prefix.last;
}

/** Orders by family, then by first address, then by length with the wider prefix first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
	return a.family - b.family || compareText(a.first, b.first) || a.length - b.length;
}

/** The prefixes in order, each once. */
export function sortedPrefixes(prefixes: readonly Prefix[]): readonly Prefix[] {
	const byText = new Map(prefixes.map((prefix) => [prefix.text, prefix]));
	return [...byText.values()].sort(comparePrefixes);
}
