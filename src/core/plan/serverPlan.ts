import type { Address } from "../values/address.ts";
import type { Prefix } from "../values/prefix.ts";
import type { DnsMethod, VerifyMode } from "./site.ts";

/** A route that a server gets. */
export interface PlannedRoute {
	readonly prefix: Prefix;
	/** The next hops, of the prefix's family, in order. */
	readonly via: readonly Address[];
}

/** The names that a server resolves through the cluster. */
export interface PlannedDns {
	readonly method: DnsMethod;
	readonly nameservers: readonly Address[];
	/** Absent if the method is `none`. */
	readonly domain?: string | undefined;
	readonly reverseZones: readonly string[];
	readonly searchDomains: readonly string[];
}

/** A name that must resolve after the change. */
export interface VerifiedName {
	readonly name: string;
	/** Each of its addresses must lie in one of these. */
	readonly within: readonly Prefix[];
}

/** What a server checks before it keeps a change. */
export interface PlannedVerification {
	readonly mode: VerifyMode;
	readonly names: readonly VerifiedName[];
	/** Names of pods. Each of their addresses must also answer. */
	readonly pods: readonly VerifiedName[];
	/** Names that must still resolve if they did before the change. */
	readonly outside: readonly string[];
}

/** The desired state of one server. Only `planSite` makes plans, so every plan has passed the guards. */
export interface ServerPlan {
	readonly stack: string;
	readonly server: string;
	/** In order. */
	readonly routes: readonly PlannedRoute[];
	/**
	 * The share (0 to 1) of its present routes of either family that the server may lose. Absent in states of older versions:
	 * all.
	 */
	readonly maxShrink?: number | undefined;
	readonly dns: PlannedDns;
	readonly verify: PlannedVerification;
	/** Seconds. */
	readonly rollbackAfter: number;
}
