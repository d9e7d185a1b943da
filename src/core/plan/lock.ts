import { z } from "zod";
import { type Address, parseAddress } from "../values/address.ts";
import { parseDomainName } from "../values/domainName.ts";
import { comparePrefixes, type Prefix, parsePrefix } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { all, failure, type Result, success } from "../values/result.ts";
import { words } from "../values/words.ts";
import type { PodRoute } from "./podRoutes.ts";

/** The facts of the cluster that a plan needs. */
export interface LockedCluster {
	readonly podRanges: readonly Prefix[];
	readonly serviceRanges: readonly Prefix[];
	readonly dnsAddresses: readonly Address[];
	readonly domain: string;
	/** host:port of the API server. */
	readonly endpoint: string;
	/** `sha256:…` of each CA's public key. */
	readonly caCertHashes: readonly string[];
	/** Major and minor version. Example: `1.34`. */
	readonly kubernetesVersion: string;
}

/** A survey that was written to a file and committed. A plan from it needs no network, and a change is a line of a diff. */
export interface Lock {
	readonly cluster: LockedCluster;
	/** In order, each prefix once. */
	readonly routes: readonly PodRoute[];
}

const file = z.strictObject({
	cluster: z.strictObject({
		podRanges: z.array(z.string()),
		serviceRanges: z.array(z.string()),
		dnsAddresses: z.array(z.string()),
		domain: z.string(),
		endpoint: z.string().regex(/^[\w.:[\]-]+:\d+$/),
		caCertHashes: z.array(z.string().regex(/^sha256:[0-9a-f]{64}$/)),
		kubernetesVersion: z.string().regex(/^\d+\.\d+$/),
	}),
	routes: z.array(
		z.strictObject({ prefix: z.string(), family: z.literal([4, 6]), node: z.string().regex(/^[\w.:, -]+$/) }),
	),
});

/** Reads the text of `stacks/<env>.routes.json`. */
export function parseLock(text: string): Result<Lock> {
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch (error) {
		return failure(`it is not JSON: ${printable((error as Error).message)}`);
	}
	const parsed = file.safeParse(json);
	if (!parsed.success) {
		// A message can quote unknown keys of the file, so it is made safe for a terminal.
		return failure(
			...parsed.error.issues.map(({ path, message }) =>
				words(`${path.join(".")}: ${message}`, 400).replaceAll("\n", " "),
			),
		);
	}
	const { cluster } = parsed.data;
	const prefixes = (texts: readonly string[]) => all(texts.map((text) => parsePrefix(text)));
	const podRanges = prefixes(cluster.podRanges);
	const serviceRanges = prefixes(cluster.serviceRanges);
	const dnsAddresses = all(cluster.dnsAddresses.map(parseAddress));
	const domain = parseDomainName(cluster.domain);
	const routes = all(parsed.data.routes.map(lockedRoute));
	const parts = [podRanges, serviceRanges, dnsAddresses, domain, routes] as const;
	if (!podRanges.ok || !serviceRanges.ok || !dnsAddresses.ok || !domain.ok || !routes.ok) {
		return failure(...parts.flatMap((part) => (part.ok ? [] : part.problems)));
	}
	return success({
		cluster: {
			...cluster,
			podRanges: podRanges.value,
			serviceRanges: serviceRanges.value,
			dnsAddresses: dnsAddresses.value,
			domain: domain.value,
		},
		routes: inOrder(routes.value),
	});
}

function lockedRoute({ prefix: text, family, node }: z.infer<typeof file>["routes"][number]): Result<PodRoute> {
	const prefix = parsePrefix(text);
	if (!prefix.ok) return prefix;
	if (prefix.value.family !== family) return failure(`${text} is not of family ${family}`);
	return success({ prefix: prefix.value, node });
}

/** The file's text: a line per route, in order, so that equal locks give equal texts and a change is a line of a diff. */
export function renderLock({ cluster, routes }: Lock): string {
	const head = clusterLines(cluster).map((line) => `\t\t${line}`);
	const rows = inOrder(routes).map(
		({ prefix, node }) =>
			`\t\t{ "prefix": "${prefix.text}", "family": ${prefix.family}, "node": ${JSON.stringify(node)} }`,
	);
	return `{\n\t"cluster": {\n${head.join(",\n")}\n\t},\n\t"routes": [\n${rows.join(",\n")}\n\t]\n}\n`;
}

/** A line of JSON for each fact of the cluster. */
function clusterLines(cluster: LockedCluster): readonly string[] {
	const texts = (values: readonly { readonly text: string }[]) => list(values.map(({ text }) => text));
	const facts = {
		podRanges: texts(cluster.podRanges),
		serviceRanges: texts(cluster.serviceRanges),
		dnsAddresses: texts(cluster.dnsAddresses),
		domain: JSON.stringify(cluster.domain),
		endpoint: JSON.stringify(cluster.endpoint),
		caCertHashes: list(cluster.caCertHashes),
		kubernetesVersion: JSON.stringify(cluster.kubernetesVersion),
	};
	return Object.entries(facts).map(([key, json]) => `"${key}": ${json}`);
}

/** How the live cluster differs from the locked one: two lines per fact, `- …` as locked and `+ …` as live. */
export function clusterDifferences(locked: LockedCluster, live: LockedCluster): readonly string[] {
	const [before, now] = [clusterLines(locked), clusterLines(live)];
	return before.flatMap((line, index) => (line === now[index] ? [] : [`- ${line}`, `+ ${now[index]}`]));
}

function list(values: readonly string[]): string {
	return `[${values.map((value) => JSON.stringify(value)).join(", ")}]`;
}

/**
 * How the live routes differ from the locked ones: a line `+ PREFIX of NODE` for a route that is only live, `- …` if only
 * locked.
 */
export function lockDifferences(locked: readonly PodRoute[], live: readonly PodRoute[]): readonly string[] {
	const line = ({ prefix, node }: PodRoute) => `${prefix.text} of ${node}`;
	const lacking = (these: readonly PodRoute[], those: readonly PodRoute[]) => {
		const known = new Set(those.map(line));
		return inOrder(these).filter((route) => !known.has(line(route)));
	};
	const changes = [
		...lacking(locked, live).map((route) => ({ sign: "-", route })),
		...lacking(live, locked).map((route) => ({ sign: "+", route })),
	];
	return changes
		.sort((a, b) => comparePrefixes(a.route.prefix, b.route.prefix))
		.map(({ sign, route }) => `${sign} ${line(route)}`);
}

function inOrder(routes: readonly PodRoute[]): readonly PodRoute[] {
	const byPrefix = new Map(routes.map((route) => [route.prefix.text, route]));
	return [...byPrefix.values()].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
}
