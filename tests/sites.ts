import type { TestProject } from "vitest/node";
import { isUp } from "../lab/host.ts";
import { down } from "../lab/lifecycle.ts";
import { tryLock } from "../lab/machineLock.ts";
import { whyNoLab } from "../lab/prerequisites.ts";
import { progress } from "../lab/progress.ts";
import { site } from "../lab/site.ts";

declare module "vitest" {
	interface ProvidedContext {
		/** Why the lab cannot run here, in plain words; undefined when it can. */
		noLab: string | undefined;
		/** Ids of the sites that the suites may take, the first one first. */
		sites: readonly string[];
	}
}

/** How many suites run side by side, each on a site of its own. */
export const siteCount = Number(process.env["POD_GATEWAY_LAB_SITES"] ?? 3);

/** Every project whose tests run on sites loads this file anew; the first one does it for all. */
const run: { sitesOfThisRun?: Promise<Begun> } = globalThis as object;

interface Begun {
	readonly noLab: string | undefined;
	readonly sites: readonly string[];
	readonly end: (() => Promise<void>) | undefined;
}

/**
 * Clears away what a run that was cut off has left. Suites boot the sites that they take (leaseSite.ts), and here these are taken
 * down at the end. A site that people work on is used, too, when it is up, and stays up.
 */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
	const first = run.sitesOfThisRun === undefined;
	run.sitesOfThisRun ??= begin();
	const { noLab, sites, end } = await run.sitesOfThisRun;
	project.provide("noLab", noLab);
	project.provide("sites", sites);
	return first ? end : undefined;
}

async function begin(): Promise<Begun> {
	const noLab = whyNoLab();
	if (noLab !== undefined) {
		if (process.env["CI"]) throw new Error(`in CI the lab's tests must run, but ${noLab}`);
		process.stderr.write(`The lab's tests are skipped: ${noLab}.\n`);
		return { noLab, sites: [], end: undefined };
	}
	// For this process's whole life: what another run has up must not be cleared away.
	if (!(await tryLock("lab-tests"))) throw new Error("another run of the lab's tests is at work on this machine");
	const kept = isUp(site.controlPlane.name);
	const numbered = Array.from({ length: siteCount }, (_, index) => `${index + 1}`);
	const takeDown = () => down(progress(), kept ? "tests" : "machine");
	// What is on the disks of a site that died is what a cut-off run left there, VMs of the hypervisor too.
	await takeDown();
	return { noLab, sites: (kept ? ["", ...numbered] : numbered).slice(0, siteCount), end: takeDown };
}
