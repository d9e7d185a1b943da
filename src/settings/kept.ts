import { type Address, parseAddress } from "../core/values/address.ts";
import { settingAt } from "./problems.ts";

/** An address in the settings that must stay reachable. No route may cover it. */
export interface KeptAddress {
	readonly address: Address;
	/** Example: `pod-gateway:ssh.bastion.address`. */
	readonly setting: string;
}

/**
 * Keys whose values are hosts outside the cluster, anywhere in the settings: machines, bastions, a hypervisor, the API server,
 * etcd, and the hosts that a driver's machine needs. The cluster's own addresses have other keys (podRanges, serviceRanges,
 * dnsAddresses).
 */
const KEYS = new Set([
	"address",
	"address6",
	"spareAddress",
	"spareAddress6",
	"router",
	"router6",
	"nameservers",
	"endpoints",
	"apiServer",
]);

/** Every host address in the settings; hosts named by DNS are left out. @param raw settings, which may be invalid anywhere. */
export function keptAddresses(raw: unknown): readonly KeptAddress[] {
	return found(raw, [], false);
}

function found(value: unknown, path: readonly PropertyKey[], kept: boolean): readonly KeptAddress[] {
	if (typeof value === "string") {
		const address = kept ? hostOf(value) : undefined;
		return address ? [{ address, setting: settingAt(path) }] : [];
	}
	if (Array.isArray(value)) return value.flatMap((item, index) => found(item, [...path, index], kept));
	if (typeof value !== "object" || value === null) return [];
	return Object.entries(value).flatMap(([key, item]) => found(item, [...path, key], KEYS.has(key)));
}

/** The address that the text is, or that its URL has as host. */
function hostOf(text: string): Address | undefined {
	const host = text.includes("://") && URL.canParse(text) ? new URL(text).hostname.replace(/^\[(.*)\]$/, "$1") : text;
	const address = parseAddress(host);
	return address.ok ? address.value : undefined;
}
