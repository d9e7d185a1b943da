import type { KernelRoute } from "../kernel/kernelRoutes.ts";
import { type Address, sortedAddresses } from "../values/address.ts";
import { comparePrefixes, contains, isDefault, type Prefix } from "../values/prefix.ts";

/** A prefix of pods that the gateway reaches by way of other hosts: in most clusters a block. */
export interface GatheredPrefix {
	readonly prefix: Prefix;
	/** The nodes by way of which the gateway reaches it, in order. */
	readonly nodes: readonly Address[];
}

/** A prefix of pods, and who is behind it. */
export interface PodRoute {
	readonly prefix: Prefix;
	/** The node that has the block; where nobody knows, the addresses by way of which the gateways reach it. */
	readonly node: string;
}

/** A route of the gateway that no server is to have. */
export interface RejectedRoute {
	readonly route: KernelRoute;
	/** Why, in words that follow "…: ". */
	readonly reason: string;
	/** Whether a person should look at it. The routes that every machine has (default, on-link, blackhole) are not. */
	readonly suspicious: boolean;
}

/** What a gateway's routing table says of the pods. */
export interface Survey {
	/** In order, each once. */
	readonly prefixes: readonly GatheredPrefix[];
	/** In the table's order. */
	readonly rejected: readonly RejectedRoute[];
}

/** Keeps the routes that go by way of another host to a part of a pod range; never the default route. */
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
		// Several rows for one prefix (other metrics, multipath as IPv6 shows it) are one prefix with several nodes.
		kept.set(prefix.text, { prefix, nodes: sortedAddresses([...(kept.get(prefix.text)?.nodes ?? []), ...nextHops]) });
	}
	return { prefixes: [...kept.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix)), rejected };
}

/**
 * The prefixes that every gateway has found: traffic may take any gateway, so none may be a dead end. With one gateway: all of
 * its own.
 */
export function onEveryGateway<Route extends { readonly prefix: Prefix }>(
	surveys: readonly (readonly Route[])[],
): readonly Route[] {
	const [first = [], ...others] = surveys;
	const found = others.map((survey) => new Set(survey.map(({ prefix }) => prefix.text)));
	return first.filter(({ prefix }) => found.every((texts) => texts.has(prefix.text)));
}

/**
 * The prefixes with the nodes behind them.
 *
 * @param owners the node of a block by its prefix. Where Calico cannot be asked (undefined), the nodes are those of `locked`:
 *   not knowing who has a block is no change of it.
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
	if (nextHops.length === 0) return { reason: "not by way of another host", suspicious: false };
	return undefined;
}
