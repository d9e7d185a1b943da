import { type Address, type Family, parseAddress } from "../values/address.ts";
import { type Prefix, parsePrefix, prefixAround } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { failure, type Result, success } from "../values/result.ts";

/** A row of a kernel's routing table. */
export interface KernelRoute {
	readonly destination: Prefix;
	/** `unicast`, or what becomes of a packet instead: `blackhole`, `unreachable`, `prohibit`, `throw`, … */
	readonly type: string;
	/** The hosts by way of which it goes, without those that the kernel calls dead; none when it is on the link. */
	readonly nextHops: readonly Address[];
	/** Who made the route: `kernel`, `bird`, a number, … */
	readonly protocol?: string | undefined;
	readonly metric?: number | undefined;
	/** What the kernel says of the route: `onlink`, `linkdown`, `dead`, … */
	readonly flags: readonly string[];
}

/** A table as far as it could be read. */
export interface KernelTable {
	readonly routes: readonly KernelRoute[];
	/** One text per row that could not be read. */
	readonly unreadable: readonly string[];
}

/** Reads destination as `ip route` prints it: `default`, a prefix, or a single address. */
export function parseDestination(text: string, family: Family): Result<Prefix> {
	if (text === "default") return parsePrefix(family === 4 ? "0.0.0.0/0" : "::/0");
	const address = parseAddress(text);
	const prefix = address.ok
		? success(prefixAround(address.value, address.value.family === 4 ? 32 : 128))
		: parsePrefix(text);
	if (prefix.ok && prefix.value.family !== family) return failure(`${prefix.value.text} is not of IPv${family}`);
	return prefix;
}

/** Rows of a table. The internet has a million prefixes; a node has its pods' blocks. */
export const MOST_ROWS = 200_000;

/** Why a table of so many rows is not read, if it is not: each takes its time, and would come to every server. */
export function tooMany(rows: number): Result<never> | undefined {
	if (rows <= MOST_ROWS) return undefined;
	return failure(`the routing table has ${rows} rows, more than ${MOST_ROWS}: what sets them there?`);
}

/** Says of which row a problem is. */
export function named<Value>(source: unknown, result: Result<Value>): Result<Value> {
	return result.ok ? result : failure(`route ${printable(source)}: ${result.problems.join("; ")}`);
}

/** Parts what was read from what was not. */
export function table(rows: readonly Result<KernelRoute>[]): KernelTable {
	return {
		routes: rows.flatMap((result) => (result.ok ? [result.value] : [])),
		unreadable: rows.flatMap((result) => (result.ok ? [] : result.problems)),
	};
}
