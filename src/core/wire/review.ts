/** The effect of a change on one server. */
export interface ServerReview {
	readonly server: string;
	/** One line. Example: `db-1: +2 −1 routes, DNS unchanged`. */
	readonly summary: string;
	/** The removed lines, each after `-`, then the added ones, each after `+`; empty if nothing changes. */
	readonly lines: readonly string[];
}

/** The keywords of desired-state lines about DNS (host/server-network.sh). */
const DNS = ["dns-method", "nameserver", "domain", "reverse-zone", "search"];

/**
 * Describes the change from one desired state of a server to another. Compares the states as sets of lines, since the meaning
 * of a line does not depend on its position.
 *
 * @param before undefined for a new server.
 * @param after undefined for a server that is removed from the settings.
 */
export function reviewServer(server: string, before: string | undefined, after: string | undefined): ServerReview {
	const old = linesOf(before);
	const now = linesOf(after);
	const removed = old.filter((line) => !now.includes(line));
	const added = now.filter((line) => !old.includes(line));
	const lines = [...removed.map((line) => `-${line}`), ...added.map((line) => `+${line}`)];
	const kind = before === undefined ? "new, " : after === undefined ? "restored, " : "";
	return { server, summary: `${server}: ${kind}${about(removed, added)}`, lines };
}

function about(removed: readonly string[], added: readonly string[]): string {
	const count = (lines: readonly string[]) => lines.filter((line) => line.startsWith("route ")).length;
	const counts = [added.length && `+${count(added)}`, removed.length && `−${count(removed)}`].filter(
		(part) => part && !/^.0$/.test(part),
	);
	const keywords = [...removed, ...added].map((line) => line.split(" ")[0] ?? "");
	const dns = keywords.some((keyword) => DNS.includes(keyword));
	const others = [...new Set(keywords.filter((keyword) => keyword !== "route" && !DNS.includes(keyword)))];
	return [
		counts.length > 0
			? `${counts.join(" ")} ${/^.1$/.test(counts.join(" ")) ? "route" : "routes"}`
			: "routes unchanged",
		dns ? "DNS changes" : "DNS unchanged",
		...(others.length > 0 ? [`${others.join(", ")} changes`] : []),
	].join(", ");
}

function linesOf(state: string | undefined): readonly string[] {
	return state === undefined ? [] : state.split("\n").filter((line) => line !== "");
}
