import type { Address } from "./address.ts";
import { covers, overlaps, type Prefix, parsePrefix } from "./prefix.ts";

/** A special-purpose range (RFC 6890). */
interface ReservedRange {
	readonly prefix: Prefix;
	/** The kind of its addresses, with an article; the word "address" follows. */
	readonly is: string;
	/** Whether packets to it never go through another host. */
	readonly neverRouted: boolean;
}

const RESERVED: readonly ReservedRange[] = [
	{ range: "0.0.0.0/8", is: "no machine's", neverRouted: false },
	{ range: "127.0.0.0/8", is: "a loopback", neverRouted: true },
	{ range: "169.254.0.0/16", is: "a link-local", neverRouted: true },
	{ range: "224.0.0.0/4", is: "a multicast or reserved", neverRouted: true },
	{ range: "240.0.0.0/4", is: "a multicast or reserved", neverRouted: false },
	{ range: "::/128", is: "an unspecified or loopback", neverRouted: false },
	{ range: "::1/128", is: "an unspecified or loopback", neverRouted: true },
	{ range: "fe80::/10", is: "a link-local", neverRouted: true },
	{ range: "ff00::/8", is: "a multicast", neverRouted: true },
].flatMap(({ range, ...rest }) => {
	const prefix = parsePrefix(range);
	return prefix.ok ? [{ prefix: prefix.value, ...rest }] : [];
});

/** The reserved range that contains the address; undefined if other machines can reach the address. */
export function reservedFor(address: Address): ReservedRange | undefined {
	return RESERVED.find(({ prefix }) => covers(prefix, address));
}

/** A range that overlaps the prefix and is never routed through another host; undefined if there is none. */
export function neverRouted(prefix: Prefix): Prefix | undefined {
	return RESERVED.find((reserved) => reserved.neverRouted && overlaps(prefix, reserved.prefix))?.prefix;
}
