import { type Address, type Family, parseAddress } from "../values/address.ts";
import { type Prefix, parsePrefix, prefixAround } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { failure, type Result, success } from "../values/result.ts";

/** A row of a kernel's routing table. */
export interface KernelRoute {
	readonly destination: Prefix;
	/** `unicast`, or what happens to a packet instead: `blackhole`, `unreachable`, `prohibit`, `throw`, … */
	readonly type: string;
	/** The next hops, without those that the kernel calls dead; empty for a route to the link itself. */
	readonly nextHops: readonly Address[];
	/** Who made the route: `kernel`, `bird`, a number, … */
	readonly protocol?: string | undefined;
	readonly metric?: number | undefined;
	/** The kernel's flags of the route: `onlink`, `linkdown`, `dead`, … */
	readonly flags: readonly string[];
}

/** The readable rows of a routing table, and the others as texts. */
export interface KernelTable {
	readonly routes: readonly KernelRoute[];
	/** One text per row that could not be read. */
	readonly unreadable: readonly string[];
}

/** Reads a destination as `ip route` prints it: `default`, a prefix, or a single address. */
export function parseDestination(text: string, family: Family): Result<Prefix> {
	if (text === "default") return parsePrefix(family === 4 ? "0.0.0.0/0" : "::/0");
	const address = parseAddress(text);
	const prefix = address.ok
		? success(prefixAround(address.value, address.value.family === 4 ? 32 : 128))
		: parsePrefix(text);
	if (prefix.ok && prefix.value.family !== family) return failure(`${prefix.value.text} is not of IPv${family}`);
	return prefix;
}

/** The most rows of a table that are read. A node has thousands of blocks at most; a full internet table has a million prefixes. */
export const MOST_ROWS = 200_000;

/**
 * A failure if the table has more than {@link MOST_ROWS} rows: each takes time to read, and would become a route on every
 * server.
 */
export function tooMany(rows: number): Result<never> | undefined {
	if (rows <= MOST_ROWS) return undefined;
	return failure(`the routing table has ${rows} rows, more than ${MOST_ROWS}; find out what adds them`);
}

/** The result, with the row that it comes from in front of its problems. */
export function aboutRow<Value>(source: unknown, result: Result<Value>): Result<Value> {
	return result.ok ? result : failure(`route ${printable(source)}: ${result.problems.join("; ")}`);
}

/** Separates the routes from the problems of unreadable rows. */
export function table(rows: readonly Result<KernelRoute>[]): KernelTable {
	return {
		routes: rows.flatMap((result) => (result.ok ? [result.value] : [])),
		unreadable: rows.flatMap((result) => (result.ok ? [] : result.problems)),
	};
}
