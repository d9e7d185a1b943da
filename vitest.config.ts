import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/** For tests on sites of the lab: each file has a process, which takes a site of its own (tests/leaseSite.ts). */
const onSites = {
	pool: "forks" as const,
	testTimeout: 300_000,
	hookTimeout: 1_800_000,
	globalSetup: "tests/sites.ts",
	setupFiles: "tests/leaseSite.ts",
};

/** The suites that emulate a virtual machine. This takes most of a core for minutes. */
const emulated = ["tests/gatewayVm.test.ts"];

/** One more than there are cores, because unit tests wait for a third of their time. */
const workers = availableParallelism() + 1;

export default defineConfig({
	test: {
		reporters: ["default", "./tests/support/reporter.ts"],
		poolOptions: {
			forks: { maxForks: Number(process.env["POD_GATEWAY_LAB_SITES"] ?? 3), minForks: 1 },
			// A worker loads a module once for all its files. Without this, loading would take longer than the tests. The number of workers
			// is fixed, because tinypool 1.1 may end an idle one twice, and Vitest then crashes.
			threads: { isolate: false, maxThreads: workers, minThreads: workers },
		},
		projects: [
			{
				test: {
					name: "unit",
					pool: "threads",
					include: ["*.test.ts", "{components,src,host,cli,tools,policy,lab,tests/support}/**/*.test.ts"],
					// For tests that hang. A busy machine must not fail a test.
					testTimeout: 120_000,
					hookTimeout: 120_000,
				},
			},
			// Every command of the script for servers fails in turn, for minutes.
			{ test: { name: "faults", pool: "forks", include: ["host/**/*.faults.ts"] } },
			{ test: { name: "lab", include: ["tests/*.test.ts"], exclude: emulated, ...onSites } },
			{ test: { name: "vm", include: emulated, ...onSites } },
		],
	},
});
