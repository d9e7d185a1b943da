import { IPv4Mask } from "ip-num";
import { type Family, parseAddress } from "../values/address.ts";
import { printable } from "../values/printable.ts";
import { failure, type Result, success } from "../values/result.ts";
import { aboutRow, type KernelRoute, type KernelTable, parseDestination, table, tooMany } from "./kernelRoutes.ts";

/** The columns of `route -n` (net-tools), by family. */
const COLUMNS = {
	4: ["Destination", "Gateway", "Genmask", "Flags", "Metric", "Ref", "Use", "Iface"],
	6: ["Destination", "Next", "Hop", "Flag", "Met", "Ref", "Use", "If"],
} as const satisfies Record<Family, readonly string[]>;

/**
 * Reads the output of `route -n` or `route -n -6`, for hosts whose iproute2 has no JSON. A row has a next hop if its flags
 * include `U` and `G`. A route that drops packets has the flag `!` or no interface.
 */
export function parseRouteCommand(text: string, family: Family): Result<KernelTable> {
	const lines = text.split("\n").filter((line) => line.trim() !== "");
	const header = lines.findIndex((line) => words(line).join(" ") === COLUMNS[family].join(" "));
	if (header < 0)
		return failure(`route -n answered ${printable(text)}, which has no line ${COLUMNS[family].join(" ")}`);
	return (
		tooMany(lines.length) ??
		success(table(lines.slice(header + 1).map((line) => aboutRow(line, readLine(line, family)))))
	);
}

function readLine(line: string, family: Family): Result<KernelRoute> {
	const cells = words(line);
	const [address = "", gateway = ""] = cells;
	const [mask, flags = "", metric = ""] = family === 4 ? cells.slice(2) : [undefined, ...cells.slice(2)];
	const device = cells.at(-1) ?? "";
	if (cells.length !== (family === 4 ? 8 : 7)) return failure("does not have as many columns as the header");
	const length = mask === undefined ? success("") : maskLength(mask);
	if (!length.ok) return length;
	const destination = parseDestination(`${address}${length.value}`, family);
	if (!destination.ok) return destination;
	const route = {
		destination: destination.value,
		type: flags.includes("!") ? "unreachable" : device === "*" ? "blackhole" : "unicast",
		nextHops: [],
		metric: Number.parseInt(metric, 10),
		flags: [...flags],
	};
	if (route.type !== "unicast" || !flags.includes("U") || !flags.includes("G")) return success(route);
	const nextHop = parseAddress(gateway);
	return nextHop.ok ? success({ ...route, nextHops: [nextHop.value] }) : nextHop;
}

/** `/26` for 255.255.255.192. */
function maskLength(mask: string): Result<string> {
	try {
		return success(`/${new IPv4Mask(mask).prefix}`);
	} catch {
		return failure(`${printable(mask)} is not a netmask`);
	}
}

function words(line: string): readonly string[] {
	return line.trim().split(/\s+/);
}
