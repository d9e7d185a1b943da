import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import type { Family } from "../src/core/values/address.ts";

/** A connection in a resource's properties: of @pulumi/command, or of a tool of this program. */
export interface Connection {
	readonly host?: unknown;
	readonly hostKey?: unknown;
	/** The bastion in a connection of @pulumi/command. */
	readonly proxy?: Connection | undefined;
	/** The bastion in a connection of a tool. */
	readonly bastion?: Connection | undefined;
}

/** Reports the connection and each of its bastions, if they do not pin a host key. */
export function unpinned(connection: Connection): readonly string[] {
	const { host, hostKey, proxy, bastion } = connection;
	const own =
		typeof hostKey === "string" && /^(ssh-ed25519|ecdsa-sha2-\S+) \S+/.test(hostKey)
			? []
			: [`the connection to ${String(host)} does not pin a host key (ed25519 or ecdsa); set hostKey of that machine`];
	return [...own, ...[proxy, bastion].flatMap((next) => (next ? unpinned(next) : []))];
}

/** Reports default routes. */
export function defaultRoutes({ server, routes }: ServerPlan): readonly string[] {
	return routes
		.filter(({ prefix }) => prefix.length === 0)
		.map(({ prefix }) => `${server} would get the default route ${prefix.text}; correct the cluster's ranges`);
}

/** The least length of a route's prefix, by family. */
export type ShortestPrefix = Readonly<Record<Family, number>>;

/** Reports routes to prefixes shorter than the limit, except default routes. */
export function shortPrefixes({ server, routes }: ServerPlan, shortest: ShortestPrefix): readonly string[] {
	return routes
		.filter(({ prefix }) => prefix.length > 0 && prefix.length < shortest[prefix.family])
		.map(({ prefix }) => {
			const limit = `but shortest-prefix.ipv${prefix.family} of the policy is ${shortest[prefix.family]}`;
			return `${server} would get a route to ${prefix.text}, ${limit}; correct the cluster's ranges, or that number`;
		});
}

/**
 * Reports the servers that a deployment would remove, if they are too many. One may always be removed.
 *
 * @param before names of the deployed servers.
 * @param now names of the servers after the deployment.
 * @param share the share (0 to 1) of `before` that may be removed.
 */
export function tooManyGone(before: readonly string[], now: readonly string[], share: number): readonly string[] {
	const gone = before.filter((name) => !now.includes(name)).sort();
	// 100 * 0.29 is slightly less than 29 in floating point.
	const allowed = Math.max(1, Math.floor(before.length * share + 1e-9));
	if (gone.length <= allowed) return [];
	const limit = `server-drop.share of the policy is ${share}, which allows ${allowed} of ${before.length}`;
	return [`${gone.length} servers would be removed at once (${gone.join(", ")}), but ${limit}; remove them in steps`];
}

/** Reports protected servers that a deployment would remove. */
export function missingServers(isProtected: readonly string[], now: readonly string[]): readonly string[] {
	return isProtected
		.filter((name) => !now.includes(name))
		.map(
			(name) =>
				`${name} is protected and would be removed; put it back into pod-gateway:servers, or remove it from protected-servers`,
		);
}

/** Reports a protected server with a new address. A deployment would restore it at the old one and set up another machine. */
export function movedServer(server: string, before: unknown, now: unknown): readonly string[] {
	if (before === undefined || before === now) return [];
	const change = `from ${String(before)} to ${String(now)}`;
	return [
		`${server} is protected and would move ${change}; restore its address in pod-gateway:servers, or remove it from protected-servers`,
	];
}
