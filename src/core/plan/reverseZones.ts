import { ADDRESS_BITS, type Family } from "../values/address.ts";
import type { Prefix } from "../values/prefix.ts";

/** The bits of one label of a reverse name: an octet (RFC 1035, 3.5) or a nibble (RFC 3596, 2.5). */
const LABEL_BITS = { 4: 8, 6: 4 } as const satisfies Record<Family, number>;

/**
 * The reverse zones that cover exactly this prefix's addresses, in the order of the addresses. A prefix that does not end at a
 * label is expanded: a /12 to sixteen /16 zones, a /26 to sixty-four names. An expansion has at most 128 zones (IPv4) or 8
 * (IPv6). The classless zones of RFC 2317 do not help, because a resolver looks up the plain name.
 */
export function reverseZones(prefix: Prefix): readonly string[] {
	const { family, length } = prefix;
	const labelBits = LABEL_BITS[family];
	const labels = Math.ceil(length / labelBits);
	const step = 1n << BigInt(ADDRESS_BITS[family] - labels * labelBits);
	const zones: string[] = [];
	for (let value = BigInt(`0x${prefix.first}`); value <= BigInt(`0x${prefix.last}`); value += step) {
		zones.push(reverseName(family, value, labels));
	}
	return zones;
}

/** The reverse name of the first `labels` labels of an address. */
function reverseName(family: Family, value: bigint, labels: number): string {
	const hex = value.toString(16).padStart(ADDRESS_BITS[family] / 4, "0");
	const all = family === 4 ? (hex.match(/../g) ?? []).map((octet) => String(Number.parseInt(octet, 16))) : [...hex];
	return [...all.slice(0, labels).reverse(), family === 4 ? "in-addr.arpa" : "ip6.arpa"].join(".");
}
