import type { TestProject } from "vitest/node";
import { isUp } from "../lab/host.ts";
import { down } from "../lab/lifecycle.ts";
import { tryLock } from "../lab/machineLock.ts";
import { whyNoLab } from "../lab/prerequisites.ts";
import { progress } from "../lab/progress.ts";
import { site } from "../lab/site.ts";

declare module "vitest" {
	interface ProvidedContext {
		/** Why the lab cannot run here; undefined when it can. */
		noLab: string | undefined;
		/** The ids of the sites that suites may take, in the order of preference. */
		sites: readonly string[];
	}
}

/** The number of suites that run at the same time, each on a site of its own. */
export const siteCount = Number(process.env["POD_GATEWAY_LAB_SITES"] ?? 3);

/** Every project whose tests run on sites loads this file again. The first one does the work for all. */
const run: { sitesOfThisRun?: Promise<Begun> } = globalThis as object;

interface Begun {
	readonly noLab: string | undefined;
	readonly sites: readonly string[];
	readonly end: (() => Promise<void>) | undefined;
}

/**
 * Removes what an interrupted run has left. Suites boot the sites that they take (leaseSite.ts), and this takes them down at the end. A
 * site that people work on is used, too, if it is up, and stays up.
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
		if (process.env["CI"]) throw new Error(`in CI the lab's tests must run, and they cannot: ${noLab}`);
		process.stderr.write(`The lab's tests are skipped: ${noLab}.\n`);
		return { noLab, sites: [], end: undefined };
	}
	// Kept until this process ends, so that another run does not remove this one's sites.
	if (!(await tryLock("lab-tests"))) throw new Error("another run of the lab's tests is at work on this machine");
	const kept = isUp(site.controlPlane.name);
	const numbered = Array.from({ length: siteCount }, (_, index) => `${index + 1}`);
	const takeDown = () => down(progress(), kept ? "tests" : "machine");
	// The disks of a dead site have what an interrupted run left there, also VMs.
	await takeDown();
	return { noLab, sites: (kept ? ["", ...numbered] : numbered).slice(0, siteCount), end: takeDown };
}
