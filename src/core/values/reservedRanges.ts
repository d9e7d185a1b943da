import type { Address } from "./address.ts";
import { covers, overlaps, type Prefix, parsePrefix } from "./prefix.ts";

/** A range that is set apart (RFC 6890). */
interface ReservedRange {
	readonly prefix: Prefix;
	/** What its addresses are, in words before "address". */
	readonly is: string;
	/** Whether no packet to it goes by way of another host. */
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

/** The range in which an address is none that other machines can reach. */
export function reservedFor(address: Address): ReservedRange | undefined {
	return RESERVED.find(({ prefix }) => covers(prefix, address));
}

/** A range that the prefix shares an address with and that no route by way of another host can mean. */
export function neverRouted(prefix: Prefix): Prefix | undefined {
	return RESERVED.find((reserved) => reserved.neverRouted && overlaps(prefix, reserved.prefix))?.prefix;
}
