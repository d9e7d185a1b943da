/**
 * `npm run test:faults`: makes every command of the script for servers, and every write, fail in turn and in every way.
 *
 * `FAULTS` chooses the cases. Empty: a selection that takes minutes. `all`: every case, but of `hang` and `scarce` only a part.
 * `SCENARIO:KIND:NUMBER`: these cases; each part may be left out. A broken promise is reported in this form, such as
 * `FAULTS=restore:immutable:93`. `FAULTS_SHOW=1` also prints what was seen of the cases that kept their promise.
 */
import { availableParallelism, constants, setPriority } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { whyNoLab } from "../../lab/prerequisites.ts";
import { type Case, Faults, type Kind, kinds, type Observed } from "./harness.ts";

/** The number of cases that run at once: one more than there are CPUs, because a case often waits. */
const AT_ONCE = availableParallelism() + 1;
/** The selection: of each kind every 8th place, every 10th, and so on. */
const some = {
	exit: 8,
	kill: 10,
	hang: 64,
	powercut: 6,
	nospace: 12,
	readonly: 12,
	immutable: 12,
	runfull: 20,
	scarce: 40,
	runscarce: 20,
} as const;
const all = {
	exit: 1,
	kill: 1,
	hang: 4,
	powercut: 1,
	nospace: 1,
	readonly: 1,
	immutable: 1,
	runfull: 1,
	scarce: 2,
	runscarce: 1,
} as const;
const chosen = process.env["FAULTS"] ?? "";
const show = process.env["FAULTS_SHOW"] === "1";

const noSandbox = whyNoLab();
if (noSandbox !== undefined) {
	if (process.env["CI"]) throw new Error(`in CI the faults must run, and they cannot: ${noSandbox}`);
	process.stderr.write(`The faults are skipped: ${noSandbox}.\n`);
}

// The virtual machines that `npm test` emulates beside the faults come first: they lose packets where the CPU lets them wait.
setPriority(constants.priority.PRIORITY_LOW);

let faults: Faults;

beforeAll(async () => {
	if (noSandbox === undefined) faults = await Faults.make();
}, 900_000);

afterAll(() => faults?.remove());

test.skipIf(noSandbox !== undefined)(
	"a server is as before or as desired, or says what is missing, whatever fails",
	{
		timeout: 4 * 3_600_000,
	},
	async () => {
		const cases = chosenCases();
		const broken: string[] = [];
		const counts = new Map<string, number>();
		const left = [...cases];
		let done = 0;
		const worker = async () => {
			for (let next = left.shift(); next; next = left.shift()) {
				const observed = await faults.run(next);
				const why = faults.broken(next, observed);
				if (show) process.stderr.write(`\n${told(next, observed, why ?? "kept")}\n`);
				if (why) {
					broken.push(told(next, observed, why));
					process.stderr.write(`\n${broken.at(-1)}\n`);
				}
				if (++done % 50 === 0) process.stderr.write(`${done} of ${cases.length} faults\n`);
				const key = `${next.kind}: ${observed.result || (observed.exitCode === 0 ? "done" : "no result")}`;
				counts.set(key, (counts.get(key) ?? 0) + 1);
			}
		};
		await Promise.all(Array.from({ length: AT_ONCE }, worker));
		const table = [...counts].sort().map(([key, count]) => `  ${key}: ${count}`);
		process.stderr.write(
			`\n${cases.length} faults in ${Math.round(performance.now() / 1000)} s, ${broken.length} broken promises\n${table.join("\n")}\n`,
		);
		expect(broken, broken.join("\n\n")).toEqual([]);
		expect(cases.length).toBeGreaterThan(chosen === "" || chosen === "all" ? 100 : 0);
	},
);

function chosenCases(): readonly Case[] {
	if (chosen === "") return faults.cases(some);
	const [scenario, kind, number] = chosen === "all" ? [] : chosen.split(":");
	const every = number ? Object.fromEntries(kinds.map((name) => [name, 1])) : all;
	return faults
		.cases(every as Record<Kind, number>)
		.filter((one) => !scenario || one.scenario === scenario)
		.filter((one) => !kind || one.kind === kind)
		.filter((one) => !number || one.number === Number(number));
}

function told({ scenario, kind, number }: Case, { struck, text }: Observed, why: string): string {
	return `FAULTS=${scenario}:${kind}:${number} (${struck ?? "no command struck"}): ${why}\n${text}`;
}
