import { z } from "zod";

/** What became of the probes of one target. */
const targetResult = z.object({
	sent: z.number(),
	lost: z.number(),
	/** The most probes that were lost one after the other. */
	longestRun: z.number(),
	/**
	 * Milliseconds from sending the last answered probe before a loss to sending the first answered one after it: two
	 * intervals for a single lost probe, 0 when none was lost.
	 */
	longestOutageMs: z.number(),
	/** In order. `start` and `end` are in UTC, as in `2026-01-31T12:00:00.123Z`; an outage without an end had none until the last probe. */
	outages: z.array(z.object({ start: z.iso.datetime(), end: z.iso.datetime().nullable(), ms: z.number() })),
});

/** What one server's probes found (lab/probe/main.go): the nameserver and a pod. */
export const probeResult = z.object({ dns: targetResult, pod: targetResult });
export type ProbeResult = z.infer<typeof probeResult>;

/** A table for people: a line per server and target with what was sent, what was lost and the longest outage in seconds. */
export function lossTable(results: ReadonlyMap<string, ProbeResult>): string {
	const header = ["server", "target", "sent", "lost", "longest outage"];
	const rows = [...results].flatMap(([server, { dns, pod }]) => [
		[server, "kube-dns", ...figures(dns)],
		[server, "pod", ...figures(pod)],
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

function figures({ sent, lost, longestOutageMs, outages }: z.infer<typeof targetResult>): readonly string[] {
	const open = outages.some(({ end, ms }) => end === null && ms === longestOutageMs);
	const longest = lost === 0 ? "none" : `${(longestOutageMs / 1000).toFixed(1)} s`;
	return [`${sent}`, `${lost}`, open ? `${longest}, not over` : longest];
}
