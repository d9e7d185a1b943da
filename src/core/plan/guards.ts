import type { Address } from "../values/address.ts";
import { isBelow, parseDomainName } from "../values/domainName.ts";
import { addressesOf } from "../values/machine.ts";
import { contains, covers, isDefault, overlaps, type Prefix } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { neverRouted } from "../values/reservedRanges.ts";
import { STACK } from "../wire/parseDesired.ts";
import type { ServerPlan } from "./serverPlan.ts";
import { destinations, type PlannedServer, type Site } from "./site.ts";

/** The most routes for one server. The largest cluster, of 5,000 nodes with several blocks each, needs fewer. */
const MOST_ROUTES = 50_000;

/** Every reason not to push this site's routes to any server. All input may come from another machine, so none of it is trusted. */
export function siteProblems(site: Site): readonly string[] {
	return unique([
		...(STACK.test(site.stack)
			? []
			: [
					/^[\w.@/-]+$/.test(site.stack)
						? `the stack name ${printable(site.stack)} cannot be the name of a folder on the servers: it begins with . - or /, or contains ..`
						: `the stack name ${printable(site.stack)} has characters that a stack name cannot have`,
				]),
		...rangeProblems(site),
		...gatheredProblems(site),
		...coverProblems(site),
		...nameserverProblems(site),
		...nameProblems(site),
	]);
}

/** Every reason not to push this plan to this server. */
export function serverProblems(server: PlannedServer, plan: ServerPlan): readonly string[] {
	const setting = `pod-gateway:servers: ${printable(server.name)}`;
	const name = parseDomainName(server.name);
	return unique([
		...(name.ok ? [] : name.problems.map((problem) => `${setting}: ${problem}`)),
		...(plan.routes.length > 0 ? [] : [`${setting} has no address of the cluster's family; set address6 or address`]),
		...plan.routes.flatMap(({ prefix, via }) => [
			...addressesOf(server)
				.filter((address) => covers(prefix, address))
				.map(
					(address) => `${setting}: the route to ${prefix.text} would cover the server's own address ${address.text}`,
				),
			// Does not name the server, so that a thousand servers give one problem.
			...(via.length > 0
				? []
				: [`no gateway has an IPv${prefix.family} address; set address6 in pod-gateway:gateways`]),
		]),
		...(plan.dns.method === "none" || plan.dns.nameservers.length > 0
			? []
			: [`${setting} has no address of the family of the cluster's nameserver; set pod-gateway:cluster.dnsAddresses`]),
	]);
}

function rangeProblems({ ranges }: Site): readonly string[] {
	const listed = [
		...ranges.pods.map((prefix) => ({ prefix, name: `the pod range ${prefix.text}` })),
		...ranges.services.map((prefix) => ({ prefix, name: `the Service range ${prefix.text}` })),
	];
	return [
		...(ranges.pods.length > 0 ? [] : ["the cluster's pod ranges are unknown; set pod-gateway:cluster.podRanges"]),
		...(ranges.services.length > 0
			? []
			: ["the cluster's Service ranges are unknown; set pod-gateway:cluster.serviceRanges"]),
		...listed.flatMap(({ prefix, name }) => unroutable(prefix).map((why) => `${name} ${why}`)),
		...listed.flatMap((a, index) =>
			listed
				.slice(index + 1)
				.filter((b) => overlaps(a.prefix, b.prefix))
				.map((b) => `${a.name} overlaps ${b.name}; set pod-gateway:cluster.podRanges or serviceRanges`),
		),
	];
}

function unroutable(prefix: Prefix): readonly string[] {
	if (isDefault(prefix)) return ["is a default route, which is never pushed"];
	const never = neverRouted(prefix);
	return never ? [`overlaps ${never.text}, which is never routed through another host`] : [];
}

function gatheredProblems({ mode, gathered, ranges, gateways }: Site): readonly string[] {
	if (mode === "pools") return [];
	if (gathered.length === 0) {
		const names = gateways.map(({ name }) => name).join(", ");
		return [
			`the survey did not find a route to a pod block on ${names}; check that calico-node runs and is connected there`,
		];
	}
	if (gathered.length > MOST_ROUTES) {
		return [
			`the gateways have ${gathered.length} routes to pods, more than ${MOST_ROUTES}; find out what adds them, or set pod-gateway:routes.mode to pools`,
		];
	}
	return gathered.flatMap(({ prefix }) => {
		const range = ranges.pods.find((pods) => overlaps(pods, prefix));
		if (!range) return [`the gathered prefix ${prefix.text} is outside the pod ranges`];
		return contains(prefix, range)
			? [`the gathered prefix ${prefix.text} covers the whole pod range ${range.text}`]
			: [];
	});
}

function coverProblems(site: Site): readonly string[] {
	const kept: readonly (readonly [string, Address | undefined])[] = [
		...site.gateways.flatMap((gateway) =>
			addressesOf(gateway).map((address) => [`the gateway ${gateway.name}`, address] as const),
		),
		["the operator's machine", site.operator],
		["the API server", site.apiServer],
	];
	const listed = new Set(kept.map(([, address]) => address?.text));
	const others = (site.kept ?? []).filter(({ address }) => !listed.has(address.text));
	return destinations(site).flatMap((prefix) => [
		...kept.flatMap(([whose, address]) =>
			address && covers(prefix, address) ? [`the route to ${prefix.text} would cover ${whose}, ${address.text}`] : [],
		),
		...others.flatMap(({ address, setting }) =>
			covers(prefix, address) ? [`the route to ${prefix.text} would cover ${address.text}, which is ${setting}`] : [],
		),
	]);
}

/**
 * Nameservers that no planned route leads to, such as node-local ones. Each server would otherwise only fail after its
 * deadline.
 */
function nameserverProblems(site: Site): readonly string[] {
	const routed = destinations(site);
	return site.dns.addresses.flatMap((address) =>
		routed.some((prefix) => covers(prefix, address))
			? []
			: [
					`no planned route leads to the nameserver ${address.text}; set pod-gateway:cluster.dnsAddresses to an address in the Service ranges`,
				],
	);
}

function nameProblems({ dns, verify }: Site): readonly string[] {
	const { domain, searchDomains } = dns;
	return [
		...[domain, ...searchDomains, ...verify.names, ...verify.pods, ...verify.outside].flatMap((name) => {
			const parsed = parseDomainName(name);
			if (!parsed.ok) return parsed.problems;
			return parsed.value === name ? [] : [`the DNS name ${printable(name)} must be written ${parsed.value}`];
		}),
		...(["names", "pods"] as const).flatMap((key) =>
			verify[key]
				.filter((name) => !isBelow(name, domain))
				.map(
					(name) =>
						`pod-gateway:verify.${key}: ${printable(name)} is not below the cluster's domain ${printable(domain)}`,
				),
		),
	];
}

function unique(problems: readonly string[]): readonly string[] {
	return [...new Set(problems)];
}
