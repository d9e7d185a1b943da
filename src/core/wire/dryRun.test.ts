import { expect, test } from "vitest";
import { parseDryRun } from "./dryRun.ts";

test("a dry run gives the difference and the time when the server was last in sync", () => {
	const stdout = `+ route 192.244.32.0/26 via 10.200.0.20
--- /etc/resolv.conf
+++ /etc/resolv.conf
@@ -1 +1,2 @@
+nameserver 192.96.0.10
 nameserver 10.200.0.3
  nameserver by resolvconf
{"result":"would-change","server":"db-1","inForceAt":"2026-01-31T12:00:00Z"}
`;
	const parsed = parseDryRun(stdout);
	expect(parsed).toEqual({
		ok: true,
		value: {
			result: "would-change",
			difference: stdout.split("\n").slice(0, 6),
			inForceAt: new Date("2026-01-31T12:00:00Z"),
		},
	});
});

test("a dry run tells who deployed last", () => {
	const record = {
		at: "2026-01-31T12:00:00Z",
		by: "root@10.200.0.10",
		stack: "prod",
		version: "0.1.0",
		before: "",
		after: "0123456789abcdef".repeat(4),
	};
	expect(parseDryRun(JSON.stringify({ result: "unchanged", record }))).toEqual({
		ok: true,
		value: { result: "unchanged", difference: [], record },
	});
	expect(parseDryRun(JSON.stringify({ result: "unchanged", record: null }))).toMatchObject({ ok: true });
	expect(parseDryRun(JSON.stringify({ result: "unchanged", record: { ...record, at: "yesterday" } })).ok).toBe(false);
});

test("a server in sync has no difference, with or without a time", () => {
	expect(parseDryRun('{"result":"unchanged","inForceAt":""}')).toEqual({
		ok: true,
		value: { result: "unchanged", difference: [] },
	});
});

test.each(["", "Killed", "{", '{"result":"applied"}', '{"result":"unchanged","inForceAt":"yesterday"}'])(
	"what does not end as the host script ends is a problem: %j",
	(stdout) => {
		expect(parseDryRun(stdout).ok).toBe(false);
	},
);
