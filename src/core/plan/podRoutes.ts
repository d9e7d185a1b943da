import type { KernelRoute } from "../kernel/kernelRoutes.ts";
import { type Address, sortedAddresses } from "../values/address.ts";
import { comparePrefixes, contains, isDefault, type Prefix } from "../values/prefix.ts";

/** A prefix of pod addresses that the gateway reaches through other nodes; in most clusters a block. */
export interface GatheredPrefix {
	readonly prefix: Prefix;
	/** The nodes that are the gateway's next hops to it, in order. */
	readonly nodes: readonly Address[];
}

/** A prefix of pod addresses, and the node behind it. */
export interface PodRoute {
	readonly prefix: Prefix;
	/** The node that owns the block. If the owner is unknown: the gateways' next hops to it, separated by `, `. */
	readonly node: string;
}

/** A route of the gateway that servers do not get. */
export interface RejectedRoute {
	readonly route: KernelRoute;
	/** Why. The text continues a sentence after "…: ". */
	readonly reason: string;
	/** Whether a person should look at it. False for routes that every machine has (default, on-link, blackhole). */
	readonly suspicious: boolean;
}

/** A gateway's routes, sorted into those to pods and the others. */
export interface Survey {
	/** In order, each once. */
	readonly prefixes: readonly GatheredPrefix[];
	/** In the table's order. */
	readonly rejected: readonly RejectedRoute[];
}

/** Keeps the routes that have a next hop and lead to a part of a pod range. Never keeps the default route. */
export function gatherRoutes(routes: readonly KernelRoute[], podRanges: readonly Prefix[]): Survey {
	const kept = new Map<string, GatheredPrefix>();
	const rejected: RejectedRoute[] = [];
	for (const route of routes) {
		const objection = objectionTo(route, podRanges);
		if (objection) {
			rejected.push({ route, ...objection });
			continue;
		}
		const { destination: prefix, nextHops } = route;
		// Several rows can have the same prefix: with other metrics, or as the hops of an IPv6 multipath route.
		kept.set(prefix.text, { prefix, nodes: sortedAddresses([...(kept.get(prefix.text)?.nodes ?? []), ...nextHops]) });
	}
	return { prefixes: [...kept.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix)), rejected };
}

/**
 * The prefixes that every gateway reaches. A server may use any gateway, so a prefix that one of them lacks is left out. With one
 * gateway, all of its prefixes.
 */
export function onEveryGateway<Route extends { readonly prefix: Prefix }>(
	surveys: readonly (readonly Route[])[],
): readonly Route[] {
	const [first = [], ...others] = surveys;
	const prefixesOfOthers = others.map((survey) => new Set(survey.map(({ prefix }) => prefix.text)));
	return first.filter(({ prefix }) => prefixesOfOthers.every((texts) => texts.has(prefix.text)));
}

/**
 * Adds to each prefix the node behind it.
 *
 * @param owners the owner of a block by its prefix; undefined if Calico's records cannot be read. The owners then come from
 * `locked`, because an unknown owner must not count as a change.
 */
export function withNodes(
	prefixes: readonly GatheredPrefix[],
	owners: ReadonlyMap<string, string> | undefined,
	locked: readonly PodRoute[] = [],
): readonly PodRoute[] {
	const known = owners ?? new Map(locked.map(({ prefix, node }) => [prefix.text, node]));
	return prefixes.map(({ prefix, nodes }) => ({
		prefix,
		node: known.get(prefix.text) ?? nodes.map(({ text }) => text).join(", "),
	}));
}

function objectionTo(
	{ destination, type, nextHops, flags }: KernelRoute,
	podRanges: readonly Prefix[],
): { reason: string; suspicious: boolean } | undefined {
	if (isDefault(destination)) return { reason: "the default route", suspicious: false };
	if (type !== "unicast") return { reason: `a route of type ${type}`, suspicious: false };
	const covered = podRanges.find((range) => contains(destination, range));
	if (covered) return { reason: `covers the whole pod range ${covered.text}`, suspicious: nextHops.length > 0 };
	if (!podRanges.some((range) => contains(range, destination))) {
		return { reason: "outside the pod ranges", suspicious: false };
	}
	if (flags.includes("dead")) return { reason: "dead: its link is down", suspicious: true };
	if (nextHops.length === 0) return { reason: "has no next hop", suspicious: false };
	return undefined;
}
