import { type Address, type Family, sortedAddresses } from "../values/address.ts";
import { addressesOf } from "../values/machine.ts";
import { sortedPrefixes } from "../values/prefix.ts";
import { all, failure, type Result, success } from "../values/result.ts";
import { serverProblems, siteProblems } from "./guards.ts";
import { reverseZones } from "./reverseZones.ts";
import type { PlannedDns, PlannedRoute, PlannedVerification, ServerPlan } from "./serverPlan.ts";
import { type DnsMethod, destinations, type PlannedServer, type Site } from "./site.ts";

/** The plans of these servers, or every problem with them, each once. */
export function planSite(site: Site, servers: readonly PlannedServer[]): Result<readonly ServerPlan[]> {
	const problems = siteProblems(site);
	if (problems.length > 0) return failure(...problems);
	const everyRoute = destinations(site).map((prefix) => ({ prefix, via: nextHops(site, prefix.family) }));
	// Servers of the same families share one list, because a thousand servers may have thousands of routes each.
	const lists = new Map<string, readonly PlannedRoute[]>();
	const routesOf = (families: ReadonlySet<Family>) => {
		const key = [...families].sort().join();
		const routes = lists.get(key) ?? everyRoute.filter(({ prefix }) => families.has(prefix.family));
		lists.set(key, routes);
		return routes;
	};
	return all(servers.map((server) => planServer(site, server, routesOf)));
}

/**
 * The plan of one server: routes to the Service ranges and the pods, of each family in which the server has an address. Every
 * gateway with an address of that family is a next hop.
 */
function planServer(
	site: Site,
	server: PlannedServer,
	routesOf: (families: ReadonlySet<Family>) => readonly PlannedRoute[],
): Result<ServerPlan> {
	const families = new Set(addressesOf(server).map(({ family }) => family));
	const routes = routesOf(families);
	const plan: ServerPlan = {
		stack: site.stack,
		server: server.name,
		routes,
		maxShrink: site.maxShrink,
		dns: planDns(site, server.dns.method, families),
		verify: planVerification(site, server),
		rollbackAfter: site.verify.rollbackAfter,
	};
	const problems = serverProblems(server, plan);
	return problems.length > 0 ? failure(...problems) : success(plan);
}

function nextHops(site: Site, family: Family): readonly Address[] {
	return sortedAddresses(site.gateways.flatMap((gateway) => addressesOf(gateway, family)));
}

function planDns({ dns, ranges }: Site, method: DnsMethod, families: ReadonlySet<Family>): PlannedDns {
	if (method === "none") return { method, nameservers: [], reverseZones: [], searchDomains: [] };
	const reversed = dns.reverseZones ? sortedPrefixes([...ranges.pods, ...ranges.services]) : [];
	return {
		method,
		nameservers: dns.addresses.filter(({ family }) => families.has(family)),
		domain: dns.domain,
		reverseZones: [...new Set(reversed.flatMap(reverseZones))],
		searchDomains: dns.searchDomains,
	};
}

function planVerification({ dns, ranges, verify }: Site, server: PlannedServer): PlannedVerification {
	const { mode } = server.verify;
	if (server.dns.method === "none" || mode === "off") return { mode, names: [], pods: [], outside: [] };
	const services = sortedPrefixes(ranges.services);
	const pods = sortedPrefixes(ranges.pods);
	const anywhere = sortedPrefixes([...ranges.pods, ...ranges.services]);
	return {
		mode,
		names: [
			{ name: `kubernetes.default.svc.${dns.domain}`, within: services },
			...verify.names.map((name) => ({ name, within: anywhere })),
		],
		pods: verify.pods.map((name) => ({ name, within: pods })),
		outside: verify.outside,
	};
}
