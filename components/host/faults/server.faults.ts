import { afterAll, beforeAll, expect, test } from "vitest";
import { type Case, Faults, type Observed } from "./harness.ts";

/** Cases at once: most of a case is waiting. */
const AT_ONCE = 4;
/** Each so manieth place of a kind; `FAULTS=all` takes every one. */
const all = process.env["FAULTS"] === "all";
const every = { exit: 6, kill: 6, hang: 24, powercut: 4, nospace: 7, readonly: 8, immutable: 8, runfull: 8 } as const;
const one = { exit: 1, kill: 1, hang: 4, powercut: 1, nospace: 1, readonly: 1, immutable: 1, runfull: 1 } as const;

let faults: Faults;

beforeAll(async () => {
	faults = await Faults.make();
}, 900_000);

afterAll(() => faults?.remove());

test("a server is as before or as desired, or says what is missing, whatever fails", {
	timeout: 3_600_000,
}, async () => {
	const cases = [...faults.cases(all ? one : every)];
	const broken: string[] = [];
	const counts = new Map<string, number>();
	const left = [...cases];
	let done = 0;
	const worker = async () => {
		for (let next = left.shift(); next; next = left.shift()) {
			const observed = await faults.run(next);
			const why = faults.broken(next, observed);
			if (why) {
				broken.push(told(next, observed, why));
				process.stderr.write(`\n${broken.at(-1)}\n`);
			}
			if (++done % 50 === 0) process.stderr.write(`${done} of ${cases.length} faults\n`);
			const key = `${next.kind}: ${observed.result || (observed.exitCode === 0 ? "done" : "no word")}`;
			counts.set(key, (counts.get(key) ?? 0) + 1);
		}
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
	const table = [...counts].sort().map(([key, count]) => `  ${key}: ${count}`);
	process.stderr.write(`\n${cases.length} faults, ${broken.length} broken promises\n${table.join("\n")}\n`);
	expect(broken, broken.join("\n\n")).toEqual([]);
	expect(cases.length).toBeGreaterThan(100);
});

function told({ scenario, kind, number }: Case, { struck, text }: Observed, why: string): string {
	return `${scenario}, ${kind} at command ${number} (${struck ?? "never reached"}): ${why}\n${text}`;
}
