import type { Failure } from "../protocol/provider.ts";
import { hasUnknown, isObject, isSecret, reveal, secret, type Value, type Values } from "../protocol/values.ts";

/** One SSH endpoint: the machine itself or the bastion before it. Times in seconds, counts as the official plugin has them. */
export interface Endpoint {
	readonly host: string;
	readonly port: number;
	readonly user: string;
	readonly password?: string;
	readonly privateKey?: string;
	readonly privateKeyPassword?: string;
	/** Default: `SSH_AUTH_SOCK`. */
	readonly agentSocketPath?: string;
	/** One line as in known_hosts after the name, or as in a `.pub` file; unset means that any key will do. */
	readonly hostKey?: string;
	/** How many failed attempts are followed by another one; -1 for no limit. */
	readonly dialErrorLimit: number;
	/** For one attempt; 0 for no limit. */
	readonly perDialTimeout: number;
}

/** How to reach a machine. */
export interface Connection extends Endpoint {
	readonly proxy?: Endpoint;
}

const defaults: Values = { user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };

const known = new Set([
	...["host", "port", "user", "password", "privateKey", "privateKeyPassword", "agentSocketPath"],
	...["hostKey", "dialErrorLimit", "perDialTimeout"],
]);

/** A connection with its defaults filled in, marked secret as a whole, and what is wrong with it. */
export function checkConnection(value: Value): { value: Value; failures: readonly Failure[] } {
	const inner = isSecret(value) ? value.value : value;
	if (!isObject(inner)) {
		const failures = hasUnknown(inner) ? [] : [{ property: "connection", reason: "must be an object" }];
		return { value: secret(inner), failures };
	}
	const proxy = inner["proxy"];
	const filled = {
		...defaults,
		...inner,
		...(isObject(proxy) ? { proxy: { ...defaults, ...proxy } } : {}),
	};
	const failures = [
		...endpointFailures("connection", inner, ["proxy"]),
		...(isObject(proxy) ? endpointFailures("connection.proxy", proxy, []) : []),
	];
	return { value: secret(filled), failures };
}

function endpointFailures(path: string, endpoint: Values, alsoKnown: readonly string[]): Failure[] {
	const strangers = Object.keys(endpoint).filter((key) => !known.has(key) && !alsoKnown.includes(key));
	return [
		...(endpoint["host"] == null ? [{ property: `${path}.host`, reason: "missing: the address to connect to" }] : []),
		...strangers.map((key) => ({ property: `${path}.${key}`, reason: "unknown property" })),
	];
}

/** A checked connection with its secrets revealed. */
export function connectionOf(value: Value | undefined): Connection {
	return reveal(value ?? {}) as unknown as Connection;
}
