/** A test file of a run. */
export interface FileTiming {
	/** The project of vitest.config.ts that it belongs to. */
	readonly project: string;
	/** Path from the project's root. */
	readonly file: string;
	/** The time with the time for loading it. */
	readonly seconds: number;
	readonly tests: number;
}

/** The counts of a run's tests. */
export interface Counts {
	readonly passed: number;
	/** Also counts failures outside of tests: a file that cannot be loaded, a hook, an unhandled rejection. */
	readonly failed: number;
	readonly skipped: number;
}

/** Seconds that a whole run should take on two idle cores, by its projects. A longer run does not fail. */
export const GOALS: Readonly<Record<string, number>> = {
	unit: 45,
	"lab unit": 15 * 60,
	vm: 10 * 60,
	"faults vm": 10 * 60,
};

/** The number of files of a project that get a line each. */
const SHOWN = 15;

/** A table of each project's files, slowest first, as lines. */
export function slowest(files: readonly FileTiming[]): string[] {
	return projectsOf(files).flatMap((project) => {
		const own = files.filter((file) => file.project === project).sort((a, b) => b.seconds - a.seconds);
		const [shown, rest] = [own.slice(0, SHOWN), own.slice(SHOWN)];
		return [
			`${project}: ${counted(own.length, "file")}, slowest first (seconds, tests, file)`,
			...shown.map(({ seconds, tests, file }) => `${cell(seconds.toFixed(1), 8)}${cell(tests, 6)}  ${file}`),
			...(rest.length === 0
				? []
				: [`${cell(total(rest, "seconds").toFixed(1), 8)}${cell(total(rest, "tests"), 6)}  ${rest.length} more`]),
		];
	});
}

/** The time that the run took, and its goal if it has one. @param whole whether every file of its projects ran */
export function againstGoal(files: readonly FileTiming[], seconds: number, whole: boolean): string {
	const goal = whole ? GOALS[projectsOf(files).join(" ")] : undefined;
	if (goal === undefined) return `${duration(seconds)} in all`;
	return `${duration(seconds)} in all; the goal is ${duration(goal)}${seconds > goal ? ": exceeded" : ""}`;
}

/** The last line of a run. */
export function closing({ passed, failed, skipped }: Counts): string {
	return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function projectsOf(files: readonly FileTiming[]): string[] {
	return [...new Set(files.map(({ project }) => project))].sort();
}

function total(files: readonly FileTiming[], what: "seconds" | "tests"): number {
	return files.reduce((sum, file) => sum + file[what], 0);
}

function duration(seconds: number): string {
	const whole = Math.round(seconds);
	return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

function counted(count: number, noun: string): string {
	return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function cell(content: string | number, width: number): string {
	return `${content}`.padStart(width);
}
