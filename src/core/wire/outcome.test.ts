import fc from "fast-check";
import { expect, test } from "vitest";
import { parseOutcome } from "./outcome.ts";

const record = {
	at: "2026-01-31T12:00:00Z",
	by: "netops@10.200.0.10",
	stack: "prod",
	version: "0.1.0",
	before: "",
	after: "0123456789abcdef".repeat(4),
};

test("the method that auto chose, and the record", () => {
	const stdout = `${JSON.stringify({ result: "applied", dnsMethod: "resolved", record })}\n`;
	expect(parseOutcome(stdout)).toEqual({ dnsMethod: "resolved", record });
});

test("a missing or unreadable record is left out", () => {
	const method = { dnsMethod: "resolved" };
	expect(parseOutcome(JSON.stringify({ ...method, record: null }))).toEqual(method);
	expect(parseOutcome(JSON.stringify({ ...method, record: { ...record, after: "x" } }))).toEqual(method);
	expect(parseOutcome(JSON.stringify(method))).toEqual(method);
});

test("every output of a server gives an outcome", () => {
	fc.assert(
		fc.property(fc.oneof(fc.string(), fc.json()), (stdout) => {
			expect(typeof parseOutcome(stdout).dnsMethod).toBe("string");
		}),
	);
});
