import { contains, type Prefix, sortedPrefixes } from "../values/prefix.ts";

/** The nftables table of each family that holds the rules; prepare-node.sh and reset-node.sh remove it by this name. */
export const TABLE = "pod_gateway_masquerade";

/**
 * Rules for `nft -f` that make forwarded packets from outside the pod ranges look as if they came from the gateway, which every
 * pod can answer. For sites where pods have no way back to the servers.
 *
 * Loading the text again replaces the rules in one transaction, those of a family without ranges included. They come after those
 * of kube-proxy and Calico, whose translation of an address, where there is one, stays. What the gateway itself sends is left alone.
 *
 * @param podRanges in any order; one inside another is left out, as nftables refuses sets that overlap.
 * @returns "" where there is nothing to masquerade.
 */
export function renderMasquerade(podRanges: readonly Prefix[]): string {
	const ranges = sortedPrefixes(podRanges);
	if (ranges.length === 0) return "";
	const widest = ranges.filter((one) => !ranges.some((other) => other !== one && contains(other, one)));
	const tables = ([4, 6] as const).flatMap((family) => {
		const header = family === 4 ? "ip" : "ip6";
		const pods = widest.filter((prefix) => prefix.family === family).map(({ text }) => text);
		// A table has to be there to be deleted.
		const removed = [`table ${header} ${TABLE}`, `delete table ${header} ${TABLE}`];
		return pods.length === 0 ? removed : [...removed, ...table(header, `{ ${pods.join(", ")} }`)];
	});
	return ["# Written by pod-gateway: pods see this machine's address in place of a server's.", ...tables, ""].join(
		"\n",
	);
}

function table(header: "ip" | "ip6", pods: string): readonly string[] {
	return [
		`table ${header} ${TABLE} {`,
		"\tchain postrouting {",
		"\t\ttype nat hook postrouting priority srcnat + 10; policy accept;",
		`\t\t${header} saddr != ${pods} ${header} daddr ${pods} fib saddr type != local masquerade`,
		"\t}",
		"}",
	];
}
