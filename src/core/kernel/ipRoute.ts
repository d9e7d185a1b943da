import { z } from "zod";
import { type Family, parseAddress } from "../values/address.ts";
import { printable } from "../values/printable.ts";
import { parseJson } from "../values/read.ts";
import { all, failure, type Result, success } from "../values/result.ts";
import { aboutRow, type KernelRoute, type KernelTable, parseDestination, table, tooMany } from "./kernelRoutes.ts";

const word = z.string().regex(/^[!-~]{1,64}$/);
const hop = z.object({
	gateway: word.optional(),
	// An IPv4 route with an IPv6 next hop (RFC 5549) has this instead of `gateway`.
	via: z.object({ host: word }).optional(),
	flags: z.array(word).default([]),
});
const row = hop.extend({
	type: word.default("unicast"),
	dst: word,
	protocol: word.optional(),
	metric: z.number().optional(),
	nexthops: z.array(hop).default([]),
});

/**
 * Reads the output of `ip -j route show table main` (`family` 4) or `ip -j -6 route …` (6). The caller gives the family,
 * because the output does not name it for the default route. A row that cannot be read is reported and the others are kept.
 * Anything but a JSON list is an error.
 */
export function parseIpRoutes(text: string, family: Family): Result<KernelTable> {
	const rows = parseJson(text);
	if (!Array.isArray(rows)) return failure(`ip -j route answered ${printable(text)}, which is not a JSON list`);
	return tooMany(rows.length) ?? success(table(rows.map((raw) => aboutRow(raw, readRow(raw, family)))));
}

function readRow(raw: unknown, family: Family): Result<KernelRoute> {
	const parsed = row.safeParse(raw);
	if (!parsed.success) {
		return failure(...parsed.error.issues.map((issue) => `${issue.path.join(".") || "row"}: ${issue.message}`));
	}
	const { dst, type, protocol, metric, flags, nexthops } = parsed.data;
	const destination = parseDestination(dst, family);
	if (!destination.ok) return destination;
	const live = [parsed.data, ...nexthops].filter((candidate) => !candidate.flags.includes("dead"));
	const gateways = live.flatMap(({ gateway, via }) => [gateway, via?.host].filter((text) => text !== undefined));
	const nextHops = all(gateways.map(parseAddress));
	if (!nextHops.ok) return nextHops;
	return success({ destination: destination.value, type, nextHops: nextHops.value, protocol, metric, flags });
}
