import { relative } from "node:path";
import type { Reporter, SerializedError, TestModule, Vitest } from "vitest/node";
import { againstGoal, type Counts, closing, type FileTiming, slowest } from "./timings.ts";

/** Prints at the end of a run: its files, slowest first, its time and the goal, and the counts of its tests. */
export default class implements Reporter {
	private vitest: Vitest | undefined;
	private started = 0;

	onInit(vitest: Vitest): void {
		this.vitest = vitest;
		this.started = Date.now() - process.uptime() * 1000;
	}

	onWatcherRerun(): void {
		this.started = Date.now();
	}

	async onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Promise<void> {
		if (!this.vitest) return;
		const files = modules.map(timingOf);
		const seconds = (Date.now() - this.started) / 1000;
		// Vitest prints its own summary while this waits.
		const all = await this.vitest.globTestSpecifications();
		const whole = files.length === all.length && this.vitest.config.testNamePattern === undefined;
		const lines = [...slowest(files), againstGoal(files, seconds, whole), closing(countsOf(modules, unhandled.length))];
		this.vitest.logger.log(`${lines.join("\n")}\n`);
	}
}

function timingOf(module: TestModule): FileTiming {
	const { duration, collectDuration, setupDuration, prepareDuration, environmentSetupDuration } = module.diagnostic();
	return {
		project: module.project.name,
		file: relative(module.project.config.root, module.moduleId),
		seconds: (duration + collectDuration + setupDuration + prepareDuration + environmentSetupDuration) / 1000,
		tests: [...module.children.allTests()].length,
	};
}

function countsOf(modules: readonly TestModule[], unhandled: number): Counts {
	const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
	const count = (state: string) => states.filter((one) => one === state).length;
	const around = modules.flatMap((module) => [module, ...module.children.allSuites()].flatMap((part) => part.errors()));
	return {
		passed: count("passed"),
		failed: count("failed") + around.length + unhandled,
		skipped: count("skipped") + count("pending"),
	};
}
