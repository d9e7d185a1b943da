import type { ServerPlan } from "./serverPlan.ts";

/** One line about a plan. Example: `5 routes via 10.200.0.20; cluster.local at 192.96.0.10`. */
export function summary({ routes, dns }: ServerPlan): string {
	const hops = [...new Set(routes.flatMap(({ via }) => via.map(({ text }) => text)))];
	const paths = `${routes.length} ${routes.length === 1 ? "route" : "routes"} via ${hops.join(" and ")}`;
	if (dns.domain === undefined) return `${paths}; DNS not managed`;
	const names = `${dns.domain} at ${dns.nameservers.map(({ text }) => text).join(" and ")}`;
	// A plain resolv.conf cannot split lookups by domain. The summary reminds whoever chose that method.
	return `${paths}; ${names}${dns.method === "resolvconf" ? ", which every lookup asks first" : ""}`;
}
