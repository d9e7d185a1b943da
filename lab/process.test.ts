import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { childrenOf, identify, isInit, runs, startedAt } from "./process.ts";

describe.skipIf(process.platform !== "linux")("a process", () => {
	test("is not another process with the same number", () => {
		const self = identify(process.pid);
		expect(self && runs(self)).toBe(true);
		expect(runs({ pid: process.pid, startTime: "1" })).toBe(false);
	});

	test("is gone after its end", async () => {
		const child = spawn("sleep", ["60"]);
		await once(child, "spawn");
		const identity = identify(child.pid ?? 0);
		expect(childrenOf(process.pid)).toContain(child.pid);
		child.kill("SIGKILL");
		await once(child, "exit");
		expect(identity && runs(identity)).toBe(false);
	});

	test("has a time of its start", () => {
		const self = identify(process.pid);
		const age = Date.now() - (self ? startedAt(self).getTime() : 0);
		expect(age).toBeGreaterThan(-2000);
		expect(Math.abs(age - process.uptime() * 1000)).toBeLessThan(3000);
	});

	test("of this PID namespace is not the PID 1 of a container", () => {
		expect(isInit(process.pid)).toBe(false);
	});
});
