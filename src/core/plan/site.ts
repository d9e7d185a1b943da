import type { Address } from "../values/address.ts";
import type { Machine } from "../values/machine.ts";
import { type Prefix, sortedPrefixes } from "../values/prefix.ts";
import type { GatheredPrefix } from "./podRoutes.ts";

/** One route per block as the gateway has them, or one per pod range. */
export const ROUTE_MODES = ["blocks", "pools"] as const;
export type RouteMode = (typeof ROUTE_MODES)[number];

/** Who is told the nameserver; `auto` lets the server find out who owns its resolv.conf, `none` changes nothing. */
export const DNS_METHODS = ["auto", "resolved", "networkmanager", "dnsmasq", "resolvconf", "none"] as const;
export type DnsMethod = (typeof DNS_METHODS)[number];

/** Whether a change that fails its verification is rolled back, kept with a warning, or not verified. */
export const VERIFY_MODES = ["strict", "warn", "off"] as const;
export type VerifyMode = (typeof VERIFY_MODES)[number];

/** A physical server to plan for. */
export interface PlannedServer extends Machine {
	readonly dns: { readonly method: DnsMethod };
	readonly verify: { readonly mode: VerifyMode };
}

/** Everything that decides what the servers are to have. */
export interface Site {
	/** The Pulumi stack, by which a server knows whose state it carries. */
	readonly stack: string;
	readonly gateways: readonly Machine[];
	readonly ranges: { readonly pods: readonly Prefix[]; readonly services: readonly Prefix[] };
	readonly mode: RouteMode;
	/** The share of its routes, of either family, that a server may lose at once. */
	readonly maxShrink: number;
	/** What the survey found; not used in mode `pools`. */
	readonly gathered: readonly Pick<GatheredPrefix, "prefix">[];
	readonly dns: {
		/** The cluster's nameservers. */
		readonly addresses: readonly Address[];
		/** The cluster's domain. */
		readonly domain: string;
		readonly searchDomains: readonly string[];
		/** Whether names are also found by address. */
		readonly reverseZones: boolean;
	};
	readonly verify: {
		/** Names below the domain that must resolve, beside kubernetes.default.svc. */
		readonly names: readonly string[];
		/** Names of pods below the domain, each of whose addresses must answer, too. */
		readonly pods: readonly string[];
		/** Other names that must not stop resolving. */
		readonly outside: readonly string[];
		/** Seconds until the server undoes a change that was not committed. */
		readonly rollbackAfter: number;
	};
	/** From where the servers are managed, if known: no route may cover it. */
	readonly operator?: Address | undefined;
	/** Where the cluster's API answers, if that is an address: no route may cover it. */
	readonly apiServer?: Address | undefined;
	/** Other hosts that no route may cover: the bastion that a server answers to, other servers, and all that the settings name. */
	readonly kept?: readonly { readonly address: Address; readonly setting: string }[] | undefined;
}

/** The prefixes that the servers are to reach by way of the gateways. */
export function destinations({ ranges, mode, gathered }: Site): readonly Prefix[] {
	return sortedPrefixes([
		...ranges.services,
		...(mode === "pools" ? ranges.pods : gathered.map(({ prefix }) => prefix)),
	]);
}
