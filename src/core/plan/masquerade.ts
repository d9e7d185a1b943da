import { contains, type Prefix, sortedPrefixes } from "../values/prefix.ts";

/** The name of the nftables table of each family. prepare-node.sh and reset-node.sh remove the tables by this name. */
export const TABLE = "pod_gateway_masquerade";

/**
 * Rules for `nft -f` that give forwarded packets the gateway's source address if they come from outside the pod ranges. They
 * serve sites where pods have no route back to the servers, since every pod can answer the gateway.
 *
 * Loading the text again replaces all rules in one transaction, and removes those of a family without ranges. The rules come
 * after those of kube-proxy and Calico, so their address translations stay. Packets of the gateway itself are not changed.
 *
 * @param podRanges in any order. A range inside another is left out, because nftables refuses sets that overlap.
 * @returns "" if there are no ranges.
 */
export function renderMasquerade(podRanges: readonly Prefix[]): string {
	const ranges = sortedPrefixes(podRanges);
	if (ranges.length === 0) return "";
	const widest = ranges.filter((one) => !ranges.some((other) => other !== one && contains(other, one)));
	const tables = ([4, 6] as const).flatMap((family) => {
		const header = family === 4 ? "ip" : "ip6";
		const pods = widest.filter((prefix) => prefix.family === family).map(({ text }) => text);
		// nft only deletes a table that exists.
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
