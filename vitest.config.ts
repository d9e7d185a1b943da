import { defineConfig } from "vitest/config";

export default defineConfig({
	test: {
		projects: [
			{ test: { name: "unit", include: ["{components,lab,policy,tools}/**/*.test.ts"] } },
			// Minutes of injected faults: npm run test:faults.
			{ test: { name: "faults", include: ["components/**/*.faults.ts"], pool: "forks" } },
			{
				test: {
					name: "lab",
					include: ["tests/**/*.test.ts"],
					// One site for all: its tests run one after the other.
					pool: "forks",
					poolOptions: { forks: { singleFork: true } },
					testTimeout: 300_000,
					hookTimeout: 1_800_000,
					globalSetup: "tests/site.ts",
				},
			},
		],
	},
});
