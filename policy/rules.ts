import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import type { Family } from "../src/core/values/address.ts";

/** A connection as a resource has it: of @pulumi/command, or of our own tools on standard input. */
export interface Connection {
	readonly host?: unknown;
	readonly hostKey?: unknown;
	/** The bastion in a connection of @pulumi/command. */
	readonly proxy?: Connection | undefined;
	/** The bastion in a connection of our tools. */
	readonly bastion?: Connection | undefined;
}

/** The connection and those by way of which it is made, as far as they pin no host key: a text each. */
export function unpinned(connection: Connection): readonly string[] {
	const { host, hostKey, proxy, bastion } = connection;
	const own =
		typeof hostKey === "string" && /^(ssh-ed25519|ecdsa-sha2-\S+) \S+/.test(hostKey)
			? []
			: [`the connection to ${String(host)} pins no host key (ed25519 or ecdsa): set hostKey of that machine`];
	return [...own, ...[proxy, bastion].flatMap((next) => (next ? unpinned(next) : []))];
}

/** What is no plan for a server: routes that take every packet. */
export function defaultRoutes({ server, routes }: ServerPlan): readonly string[] {
	return routes
		.filter(({ prefix }) => prefix.length === 0)
		.map(({ prefix }) => `${server} would get the default route ${prefix.text}: correct the cluster's ranges`);
}

/** The least number of leading bits a route's prefix has, by family. */
export type ShortestPrefix = Readonly<Record<Family, number>>;

/** Routes that take in more than anybody meant. */
export function shortPrefixes({ server, routes }: ServerPlan, shortest: ShortestPrefix): readonly string[] {
	return routes
		.filter(({ prefix }) => prefix.length > 0 && prefix.length < shortest[prefix.family])
		.map(({ prefix }) => {
			const limit = `shortest-prefix.ipv${prefix.family} of the policy is ${shortest[prefix.family]}`;
			return `${server} would get a route to ${prefix.text}; ${limit}: correct the cluster's ranges, or that number`;
		});
}

/**
 * Servers that a deployment would take away, when they are too many. One may always go.
 *
 * @param before names of the servers so far. @param now names of the servers to be. @param share of those before, 0 to 1.
 */
export function tooManyGone(before: readonly string[], now: readonly string[], share: number): readonly string[] {
	const gone = before.filter((name) => !now.includes(name)).sort();
	// 100 * 0.29 is a little less than 29 in binary.
	const allowed = Math.max(1, Math.floor(before.length * share + 1e-9));
	if (gone.length <= allowed) return [];
	const limit = `server-drop.share of the policy is ${share}, which is ${allowed} of ${before.length}`;
	return [`${gone.length} servers would go at once (${gone.join(", ")}); ${limit}: take them off the list in steps`];
}

/** Servers that must stay and are not there. */
export function missingServers(isProtected: readonly string[], now: readonly string[]): readonly string[] {
	return isProtected
		.filter((name) => !now.includes(name))
		.map(
			(name) =>
				`${name} is protected and would go: put it back into pod-gateway:servers, or take it off protected-servers`,
		);
}

/** A server that must stay the machine it is, and would be another: undone at the one address, then set up at the other. */
export function movedServer(server: string, before: unknown, now: unknown): readonly string[] {
	if (before === undefined || before === now) return [];
	const change = `from ${String(before)} to ${String(now)}`;
	return [
		`${server} is protected and would move ${change}: put its address in pod-gateway:servers back, or take it off protected-servers`,
	];
}
