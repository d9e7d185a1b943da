import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { progress } from "./progress.ts";

function recorded() {
	const stream = new PassThrough();
	const report = progress(stream as unknown as NodeJS.WriteStream);
	return { report, text: () => String(stream.read() ?? "") };
}

test("without a terminal, every step prints two plain lines, and its time is kept", async () => {
	const { report, text } = recorded();
	expect(await report.step("Boot", async () => 7)).toBe(7);
	expect(text()).toMatch(/^Boot …\nBoot {2}\d+\.\d s\n$/);
	expect(report.timings.map(({ title }) => title)).toEqual(["Boot"]);
});

test("a failed step says so, passes its error on, and its time is not kept", async () => {
	const { report, text } = recorded();
	await expect(report.step("Boot", () => Promise.reject(new Error("dark")))).rejects.toThrow("dark");
	expect(text()).toMatch(/Boot {2}failed after \d+\.\d s\n$/);
	expect(report.timings).toEqual([]);
});
