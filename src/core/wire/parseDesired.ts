import type { ServerPlan } from "../plan/serverPlan.ts";
import { DNS_METHODS, VERIFY_MODES } from "../plan/site.ts";
import { parseAddress } from "../values/address.ts";
import { parsePrefix } from "../values/prefix.ts";
import { printable } from "../values/printable.ts";
import { all, failure, type Result, success } from "../values/result.ts";
import { FORMAT } from "./renderDesired.ts";

/** A name that the host script accepts. */
const NAME = /^(?![.-])(?!.*\.\.)[A-Za-z0-9._-]+$/;
/** A stack name that the host script accepts. It also names a folder on the server. */
export const STACK = /^(?![./-])(?!.*\.\.)[A-Za-z0-9._@/-]+$/;

/**
 * Reads a desired state: the inverse of `renderDesired`. The first and the last line are fixed; the others may have any order.
 * The host script accepts and refuses the same lines (tests/fixtures/desiredLines.ts).
 */
export function parseDesired(text: string): Result<ServerPlan> {
	if (!text.startsWith(`pod-gateway ${FORMAT}\n`)) return failure(`the first line is not "pod-gateway ${FORMAT}"`);
	if (!text.endsWith("\n")) return failure("the last line is incomplete: the text was cut off");
	const lines = text.slice(0, -1).split("\n").slice(1);
	if (!lines.at(-1)?.startsWith("rollback-after "))
		return failure("the last line is not rollback-after: the text was cut off");
	const read = all(lines.map((line) => aboutLine(line, readLine(line.split(" ")))));
	return read.ok ? assembled(read.value) : read;
}

/** The part of a plan that one line gives. */
interface Piece {
	readonly stack?: string;
	readonly server?: string;
	readonly route?: ServerPlan["routes"][number];
	readonly maxShrink?: number;
	readonly method?: ServerPlan["dns"]["method"];
	readonly nameserver?: ServerPlan["dns"]["nameservers"][number];
	readonly domain?: string;
	readonly reverseZone?: string;
	readonly search?: string;
	readonly verify?: ServerPlan["verify"]["mode"];
	readonly name?: ServerPlan["verify"]["names"][number];
	readonly pods?: ServerPlan["verify"]["pods"][number];
	readonly outside?: string;
	readonly rollbackAfter?: number;
}

function readLine([keyword, value = "", ...rest]: readonly string[]): Result<Piece> {
	if (value === "") return failure("has no value");
	switch (keyword) {
		case "route":
			return readRoute(value, rest);
		case "verify-name":
		case "verify-pods": {
			if (rest.length === 0) return failure("has no prefix");
			if (!NAME.test(value)) return failure("does not have a valid name");
			const within = all(rest.map((text) => canonical(text, parsePrefix(text))));
			if (!within.ok) return within;
			const verified = { name: value, within: within.value };
			return success(keyword === "verify-name" ? { name: verified } : { pods: verified });
		}
	}
	if (rest.length > 0) return failure("has more than one value");
	switch (keyword) {
		case "stack":
			return STACK.test(value) ? success({ stack: value }) : failure("does not have a valid stack name");
		case "server":
		case "domain":
		case "search":
			return nameOf(value, { [keyword]: value });
		case "verify-outside":
			return nameOf(value, { outside: value });
		case "reverse-zone":
			return nameOf(value, { reverseZone: value });
		case "dns-method":
			return choice(DNS_METHODS, value, (method) => ({ method }));
		case "verify":
			return choice(VERIFY_MODES, value, (verify) => ({ verify }));
		case "nameserver": {
			const address = canonical(value, parseAddress(value));
			return address.ok ? success({ nameserver: address.value }) : address;
		}
		case "max-shrink":
			return /^(0|[1-9]\d?|100)$/.test(value)
				? success({ maxShrink: Number(value) / 100 })
				: failure("is not a number of hundredths from 0 to 100");
		case "rollback-after":
			return /^[1-9]\d{1,2}$/.test(value) && Number(value) >= 20 && Number(value) <= 120
				? success({ rollbackAfter: Number(value) })
				: failure("is not a number of seconds from 20 to 120");
	}
	return failure("has an unknown keyword");
}

function readRoute(destination: string, rest: readonly string[]): Result<Piece> {
	if (rest.length === 0 || rest.length % 2 > 0 || rest.some((word, index) => index % 2 === 0 && word !== "via")) {
		return failure('does not have the form "route PREFIX via ADDRESS …"');
	}
	const prefix = canonical(destination, parsePrefix(destination));
	const via = all(rest.filter((_, index) => index % 2 === 1).map((text) => canonical(text, parseAddress(text))));
	if (!prefix.ok) return prefix;
	if (via.ok && via.value.some(({ family }) => family !== prefix.value.family)) {
		return failure("has a next hop of the other family");
	}
	return via.ok ? success({ route: { prefix: prefix.value, via: via.value } }) : via;
}

/** Refuses other spellings than the kernel's, because the script compares texts to find out whether a route is in force. */
function canonical<Value extends { readonly text: string }>(text: string, parsed: Result<Value>): Result<Value> {
	return parsed.ok && parsed.value.text !== text ? failure(`must be written ${parsed.value.text}`) : parsed;
}

function nameOf(value: string, piece: Piece): Result<Piece> {
	return NAME.test(value) ? success(piece) : failure("does not have a valid name");
}

function choice<Choice extends string>(
	choices: readonly Choice[],
	value: string,
	piece: (choice: Choice) => Piece,
): Result<Piece> {
	const chosen = choices.find((candidate) => candidate === value);
	return chosen ? success(piece(chosen)) : failure(`is not one of ${choices.join(", ")}`);
}

function assembled(pieces: readonly Piece[]): Result<ServerPlan> {
	const every = <Key extends keyof Piece>(key: Key) =>
		pieces.flatMap((piece) => (piece[key] === undefined ? [] : [piece[key] as NonNullable<Piece[Key]>]));
	const twice = (["stack", "server", "maxShrink", "method", "verify", "rollbackAfter"] as const).find(
		(key) => every(key).length > 1,
	);
	if (twice) return failure(`there are two lines for ${twice}`);
	const prefixes = every("route").map(({ prefix }) => prefix.text);
	if (new Set(prefixes).size < prefixes.length) return failure("there are two routes for one prefix");
	const [stack, server, method, mode] = [every("stack")[0], every("server")[0], every("method")[0], every("verify")[0]];
	const [domain, rollbackAfter, maxShrink] = [every("domain")[0], every("rollbackAfter")[0], every("maxShrink")[0]];
	if (!stack || !server || !method || !mode || rollbackAfter === undefined) {
		return failure("one of the lines stack, server, dns-method, verify, rollback-after is missing");
	}
	return success({
		stack,
		server,
		routes: every("route"),
		...(maxShrink === undefined ? {} : { maxShrink }),
		dns: {
			method,
			nameservers: every("nameserver"),
			...(domain === undefined ? {} : { domain }),
			reverseZones: every("reverseZone"),
			searchDomains: every("search"),
		},
		verify: { mode, names: every("name"), pods: every("pods"), outside: every("outside") },
		rollbackAfter,
	});
}

function aboutLine<Value>(line: string, result: Result<Value>): Result<Value> {
	return result.ok ? result : failure(`line ${printable(line)}: ${result.problems.join("; ")}`);
}
