import type { Address } from "../values/address.ts";
import type { Prefix } from "../values/prefix.ts";
import type { DnsMethod, VerifyMode } from "./site.ts";

/** A route a server is to have. */
export interface PlannedRoute {
	readonly prefix: Prefix;
	/** The next hops, of the prefix's family, in order. */
	readonly via: readonly Address[];
}

/** The names a server is to resolve by way of the cluster. */
export interface PlannedDns {
	readonly method: DnsMethod;
	readonly nameservers: readonly Address[];
	/** Absent where the method is `none`. */
	readonly domain?: string | undefined;
	readonly reverseZones: readonly string[];
	readonly searchDomains: readonly string[];
}

/** A name that must resolve once the change is made. */
export interface VerifiedName {
	readonly name: string;
	/** Where each of its addresses must lie. */
	readonly within: readonly Prefix[];
}

/** What a server checks before it keeps a change. */
export interface PlannedVerification {
	readonly mode: VerifyMode;
	readonly names: readonly VerifiedName[];
	/** Names of pods: each of their addresses must answer, too. */
	readonly pods: readonly VerifiedName[];
	/** Names that must still resolve if they did before. */
	readonly outside: readonly string[];
}

/** All that one server is to have. Made by `planSite` only, so that every plan has passed the guards. */
export interface ServerPlan {
	readonly stack: string;
	readonly server: string;
	/** In order. */
	readonly routes: readonly PlannedRoute[];
	/** The share of the routes there, of either family, that may go; hundredths. Absent in states of older versions: all may. */
	readonly maxShrink?: number | undefined;
	readonly dns: PlannedDns;
	readonly verify: PlannedVerification;
	/** Seconds. */
	readonly rollbackAfter: number;
}
