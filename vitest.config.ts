import { defineConfig } from "vitest/config";

/** What runs on sites of the lab: a process for each file, which takes a site of its own (tests/leaseSite.ts). */
const onSites = {
	pool: "forks" as const,
	testTimeout: 300_000,
	hookTimeout: 1_800_000,
	globalSetup: "tests/sites.ts",
	setupFiles: "tests/leaseSite.ts",
};

/** The suites that emulate a virtual machine, which takes most of a core for minutes. */
const emulated = ["tests/gatewayVm.test.ts"];

export default defineConfig({
	test: {
		poolOptions: { forks: { maxForks: Number(process.env["POD_GATEWAY_LAB_SITES"] ?? 3), minForks: 1 } },
		projects: [
			{ test: { name: "unit", pool: "threads", include: ["{components,lab,policy,tools}/**/*.test.ts"] } },
			// Minutes of injected faults: npm run test:faults.
			{ test: { name: "faults", include: ["components/**/*.faults.ts"], pool: "forks" } },
			{ test: { name: "lab", include: ["tests/**/*.test.ts"], exclude: emulated, ...onSites } },
			{ test: { name: "vm", include: emulated, ...onSites } },
		],
	},
});
