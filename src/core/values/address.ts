import { IPv4, IPv6 } from "ip-num";
import { printable } from "./printable.ts";
import { failure, type Result, success } from "./result.ts";

/** The version of the Internet Protocol. */
export type Family = 4 | 6;

/** The number of bits in an address of each family. */
export const ADDRESS_BITS = { 4: 32, 6: 128 } as const satisfies Record<Family, number>;

/** An IPv4 or IPv6 address. Plain data: it survives JSON, and two addresses are equal if their texts are. */
export interface Address {
	/** The canonical text: dotted decimal, or RFC 5952 for IPv6. Example: `fd00:96::a`. */
	readonly text: string;
	readonly family: Family;
	/** All bits as hexadecimal of fixed width (8 or 32 digits), so that addresses of a family sort as strings. */
	readonly bits: string;
}

/**
 * Reads an address. Refuses IPv6 zones (`%eth0`) and IPv4-mapped IPv6 addresses, so that every address has one text only;
 * routes and nameservers need neither.
 */
export function parseAddress(text: string): Result<Address> {
	const value = numericValue(text);
	if (value === undefined) {
		const [bare = "", zone] = text.split("%");
		return zone === undefined || numericValue(bare) === undefined
			? failure(`${printable(text)} is not an IPv4 or IPv6 address`)
			: failure(`${printable(text)} has a zone; did you mean ${bare}?`);
	}
	if (text.includes(":") && value >> 32n === 0xffffn) {
		return failure(`${printable(text)} is an IPv4-mapped address; did you mean ${new IPv4(value & 0xffffffffn)}?`);
	}
	return success(addressOf(text.includes(":") ? 6 : 4, value));
}

/** The address with this numeric value, which must fit the family. */
export function addressOf(family: Family, value: bigint): Address {
	const bits = value.toString(16).padStart(ADDRESS_BITS[family] / 4, "0");
	return { text: family === 4 ? new IPv4(value).toString() : compressed(bits), family, bits };
}

/** The numeric value of an address. */
export function numberOf(address: Address): bigint {
	return BigInt(`0x${address.bits}`);
}

/** Orders by family, then by value. */
export function compareAddresses(a: Address, b: Address): number {
	return a.family - b.family || compareText(a.bits, b.bits);
}

/** The addresses in order, each once. */
export function sortedAddresses(addresses: readonly Address[]): readonly Address[] {
	const byText = new Map(addresses.map((address) => [address.text, address]));
	return [...byText.values()].sort(compareAddresses);
}

/** Orders two strings by code unit, which does not depend on the locale. */
export function compareText(a: string, b: string): number {
	return a < b ? -1 : a > b ? 1 : 0;
}

function numericValue(text: string): bigint | undefined {
	// ip-num trims and guesses, so it only gets texts that can be an address.
	if (!/^[0-9a-f:.]{2,45}$/i.test(text)) return undefined;
	try {
		return text.includes(":") ? IPv6.fromString(text).value : IPv4.fromString(text).value;
	} catch {
		return undefined;
	}
}

/** RFC 5952: the first of the longest runs of two or more zero groups becomes `::`. */
function compressed(bits: string): string {
	const groups = (bits.match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, ""));
	let [start, length] = [0, 1];
	for (let at = 0; at < groups.length; at++) {
		let end = at;
		while (groups[end] === "0") end++;
		if (end - at > length) [start, length] = [at, end - at];
	}
	if (length < 2) return groups.join(":");
	return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}
