import { expect, test } from "vitest";
import { lossTable, type ProbeResult, probeResult } from "./loss.ts";

const origin = new Date("2026-01-31T11:59:00.123Z");
const none = { sent: 1234, lost: 0, late: 2, slowestMs: 1210, longestRun: 0, longestOutageMs: 0, outages: [] };
const start = "2026-01-31T12:00:00.123Z";
const some = {
	...none,
	lost: 13,
	longestRun: 12,
	longestOutageMs: 1349,
	outages: [
		{ start: "2026-01-31T11:59:30.000Z", end: "2026-01-31T11:59:30.200Z", ms: 200 },
		{ start, end: "2026-01-31T12:00:01.472Z", ms: 1349 },
	],
};
const open = {
	...none,
	sent: 1200,
	lost: 600,
	longestRun: 600,
	longestOutageMs: 61_020,
	outages: [{ start, end: null, ms: 61_020 }],
};

test("the table has a line per server and target", () => {
	const results = new Map<string, ProbeResult>([
		["ps-resolved", { dns: none, pod: some }],
		["ps-nm", { dns: none, pod: open }],
	]);
	expect(lossTable(results, origin)).toBe(
		[
			"server       target    sent  lost  late  slowest    longest outage   after",
			"ps-resolved  kube-dns  1234     0     2    1.2 s              none        ",
			"ps-resolved  pod       1234    13     2    1.2 s             1.3 s  60.0 s",
			"ps-nm        kube-dns  1234     0     2    1.2 s              none        ",
			"ps-nm        pod       1200   600     2    1.2 s  61.0 s, not over  60.0 s",
		].join("\n"),
	);
});

test("reads the output of the probe", () => {
	// Printed by lab/probe/main.go.
	const line =
		'{"dns":{"sent":51,"lost":11,"late":1,"slowestMs":1100,"longestRun":11,"longestOutageMs":1200,"outages":[{"start":"2026-11-22T22:52:40.343Z","end":"2026-11-22T22:52:41.544Z","ms":1200}]},"pod":{"sent":51,"lost":11,"late":1,"slowestMs":1100,"longestRun":11,"longestOutageMs":1200,"outages":[{"start":"2026-11-22T22:52:40.343Z","end":"2026-11-22T22:52:41.544Z","ms":1200}]}}';
	expect(probeResult.parse(JSON.parse(line)).pod.lost).toBe(11);
	expect(probeResult.safeParse({ dns: none }).success).toBe(false);
});
