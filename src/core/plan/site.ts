import type { Address } from "../values/address.ts";
import type { Machine } from "../values/machine.ts";
import { type Prefix, sortedPrefixes } from "../values/prefix.ts";
import type { GatheredPrefix } from "./podRoutes.ts";

/** `blocks`: one route per block, as on the gateway. `pools`: one route per pod range. */
export const ROUTE_MODES = ["blocks", "pools"] as const;
export type RouteMode = (typeof ROUTE_MODES)[number];

/** Which program gets the nameserver. `auto`: the one that owns resolv.conf, as the server detects it. `none`: no change. */
export const DNS_METHODS = ["auto", "resolved", "networkmanager", "dnsmasq", "resolvconf", "none"] as const;
export type DnsMethod = (typeof DNS_METHODS)[number];

/** `strict`: a change that fails its verification is rolled back. `warn`: it is kept with a warning. `off`: it is not verified. */
export const VERIFY_MODES = ["strict", "warn", "off"] as const;
export type VerifyMode = (typeof VERIFY_MODES)[number];

/** A physical server to plan for. */
export interface PlannedServer extends Machine {
	readonly dns: { readonly method: DnsMethod };
	readonly verify: { readonly mode: VerifyMode };
}

/** All input of a plan. */
export interface Site {
	/** The Pulumi stack's name. A server remembers from which stack it was deployed. */
	readonly stack: string;
	readonly gateways: readonly Machine[];
	readonly ranges: { readonly pods: readonly Prefix[]; readonly services: readonly Prefix[] };
	readonly mode: RouteMode;
	/** The share (0 to 1) of its routes of either family that a server may lose at once. */
	readonly maxShrink: number;
	/** The survey's prefixes. Not used in mode `pools`. */
	readonly gathered: readonly Pick<GatheredPrefix, "prefix">[];
	readonly dns: {
		/** The cluster's nameservers. */
		readonly addresses: readonly Address[];
		/** The cluster's domain. */
		readonly domain: string;
		readonly searchDomains: readonly string[];
		/** Whether servers also look up names by address in the cluster. */
		readonly reverseZones: boolean;
	};
	readonly verify: {
		/** Names below the domain that must resolve, in addition to kubernetes.default.svc. */
		readonly names: readonly string[];
		/** Names of pods below the domain. Each of their addresses must also answer. */
		readonly pods: readonly string[];
		/** Names outside the cluster that must still resolve if they did before. */
		readonly outside: readonly string[];
		/** Seconds until the server undoes a change that was not committed. */
		readonly rollbackAfter: number;
	};
	/** The operator's address, if known. No route may cover it. */
	readonly operator?: Address | undefined;
	/** The API server's address, if its URL has one. No route may cover it. */
	readonly apiServer?: Address | undefined;
	/** Other hosts that no route may cover, such as bastions and servers, and the setting that names each. */
	readonly kept?: readonly { readonly address: Address; readonly setting: string }[] | undefined;
}

/** The prefixes that servers reach through the gateways, in order. */
export function destinations({ ranges, mode, gathered }: Site): readonly Prefix[] {
	return sortedPrefixes([
		...ranges.services,
		...(mode === "pools" ? ranges.pods : gathered.map(({ prefix }) => prefix)),
	]);
}
