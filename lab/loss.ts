import { z } from "zod";

/** The results of the probes of one target. */
const targetResult = z.object({
	sent: z.number(),
	/** Not answered within 5 s. */
	lost: z.number(),
	/** Answered, but not within 1 s. */
	late: z.number(),
	/** Milliseconds that the slowest answer took. */
	slowestMs: z.number(),
	/** The longest series of lost probes. */
	longestRun: z.number(),
	/**
	 * Milliseconds from sending the last answered probe before a loss to sending the first answered one after it: two
	 * intervals for a single lost probe, 0 when none was lost.
	 */
	longestOutageMs: z.number(),
	/** In order. `start` and `end` are in UTC, as in `2026-01-31T12:00:00.123Z`. An outage without an end lasted until the last probe. */
	outages: z.array(z.object({ start: z.iso.datetime(), end: z.iso.datetime().nullable(), ms: z.number() })),
});

/** The results of one server's probes (lab/probe/main.go): of the nameserver and of a pod. */
export const probeResult = z.object({ dns: targetResult, pod: targetResult });
export type ProbeResult = z.infer<typeof probeResult>;

/**
 * A table for people: for each server and target a line with the number of probes that were sent, lost and late, the longest outage
 * in seconds, and when that began.
 *
 * @param origin the time from which seconds are counted.
 */
export function lossTable(results: ReadonlyMap<string, ProbeResult>, origin: Date): string {
	const header = ["server", "target", "sent", "lost", "late", "slowest", "longest outage", "after"];
	const rows = [...results].flatMap(([server, { dns, pod }]) => [
		[server, "kube-dns", ...figures(dns, origin)],
		[server, "pod", ...figures(pod, origin)],
	]);
	const table = [header, ...rows];
	const widths = header.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
	return table
		.map((row) =>
			row
				.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
				.join("  "),
		)
		.join("\n");
}

function figures(
	{ sent, lost, late, slowestMs, outages }: z.infer<typeof targetResult>,
	origin: Date,
): readonly string[] {
	const counts = [`${sent}`, `${lost}`, `${late}`, inSeconds(slowestMs)];
	const longest = outages.toSorted((a, b) => b.ms - a.ms)[0];
	if (longest === undefined) return [...counts, "none", ""];
	const open = longest.end === null ? ", not over" : "";
	return [...counts, `${inSeconds(longest.ms)}${open}`, inSeconds(Date.parse(longest.start) - origin.getTime())];
}

function inSeconds(ms: number): string {
	return `${(ms / 1000).toFixed(1)} s`;
}
