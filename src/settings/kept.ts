import { type Address, parseAddress } from "../core/values/address.ts";
import { place } from "./problems.ts";

/** An address of the settings that has to stay reachable as it is: no route may swallow it. */
export interface KeptAddress {
	readonly address: Address;
	/** Example: `pod-gateway:ssh.bastion.address`. */
	readonly setting: string;
}

/**
 * Keys whose values are hosts outside the cluster, wherever they stand: machines, bastions, a hypervisor, the API server, etcd, and
 * what a driver's machine needs. The cluster's own addresses have others (podRanges, serviceRanges, dnsAddresses).
 */
const KEYS = new Set([
	...["address", "address6", "spareAddress", "spareAddress6", "router", "router6"],
	...["nameservers", "endpoints", "apiServer"],
]);

/** Every address that settings name a host by; names are no addresses. Takes settings that may be wrong in any place. */
export function keptAddresses(raw: unknown): readonly KeptAddress[] {
	return found(raw, [], false);
}

function found(value: unknown, path: readonly PropertyKey[], kept: boolean): readonly KeptAddress[] {
	if (typeof value === "string") {
		const address = kept ? hostOf(value) : undefined;
		return address ? [{ address, setting: place(path) }] : [];
	}
	if (Array.isArray(value)) return value.flatMap((item, index) => found(item, [...path, index], kept));
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, item]) => found(item, [...path, key], KEYS.has(key)));
}

/** An address, or the one in a URL. */
function hostOf(text: string): Address | undefined {
	const host = text.includes("://") && URL.canParse(text) ? new URL(text).hostname.replace(/^\[(.*)\]$/, "$1") : text;
	const address = parseAddress(host);
	return address.ok ? address.value : undefined;
}
