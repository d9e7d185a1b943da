import type { Failure } from "../protocol/provider.ts";
import { hasUnknown, isObject, isSecret, reveal, secret, type Value, type Values } from "../protocol/values.ts";

/** One SSH endpoint: the machine itself or its bastion. Times are in seconds; counts mean what they mean in the official plugin. */
export interface Endpoint {
	readonly host: string;
	readonly port: number;
	readonly user: string;
	readonly password?: string;
	readonly privateKey?: string;
	readonly privateKeyPassword?: string;
	/** Default: `SSH_AUTH_SOCK`. */
	readonly agentSocketPath?: string;
	/** One line as in a `.pub` file, or as in known_hosts after the name. If it is unset, any key is accepted. */
	readonly hostKey?: string;
	/** The number of further attempts after the first one has failed; -1 for no limit. */
	readonly dialErrorLimit: number;
	/** The time limit of one attempt; 0 for no limit. */
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

/** A connection with its defaults, marked as secret as a whole, and what is wrong with it. */
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
