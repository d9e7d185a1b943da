import { expect, test } from "vitest";
import { againstGoal, closing, type FileTiming, slowest } from "./timings.ts";

const file = (project: string, name: string, seconds: number, tests = 2): FileTiming => ({
	...{ project, file: `${name}.test.ts`, seconds, tests },
});

test("lists the files of each project, slowest first", () => {
	const files = [file("unit", "b", 0.26), file("lab", "c", 123.4, 10), file("unit", "a", 3)];
	expect(slowest(files)).toEqual([
		"lab: 1 file, slowest first (seconds, tests, file)",
		"   123.4    10  c.test.ts",
		"unit: 2 files, slowest first (seconds, tests, file)",
		"     3.0     2  a.test.ts",
		"     0.3     2  b.test.ts",
	]);
});

test("sums many quick files up in one line", () => {
	const lines = slowest(Array.from({ length: 18 }, (_, index) => file("unit", `${index}`, index)));
	expect(lines).toHaveLength(17);
	expect(lines.slice(-2)).toEqual(["     3.0     2  3.test.ts", "     3.0     6  3 more"]);
});

test("compares a whole run with its goal, but not a part of it", () => {
	const unit = [file("unit", "a", 1)];
	expect(againstGoal(unit, 31.4, true)).toBe("31 s in all; the goal is 45 s");
	expect(againstGoal(unit, 61.4, true)).toBe("61 s in all; the goal is 45 s: exceeded");
	expect(againstGoal(unit, 2, false)).toBe("2 s in all");
	const all = [file("unit", "b", 1), file("lab", "c", 1)];
	expect(againstGoal(all, 844, true)).toBe("14 min 4 s in all; the goal is 15 min 0 s");
	expect(againstGoal([file("lab", "c", 1)], 600, true)).toBe("10 min 0 s in all");
});

test("ends with the counts of the tests", () => {
	expect(closing({ passed: 868, failed: 0, skipped: 1 })).toBe("868 passed, 0 failed, 1 skipped");
});
