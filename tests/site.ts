import type { TestProject } from "vitest/node";
import { resolveEngine } from "../lab/engine/engine.ts";
import { isUp } from "../lab/host.ts";
import { down, up } from "../lab/lifecycle.ts";
import { whyNoLab } from "../lab/prerequisites.ts";
import { progress } from "../lab/progress.ts";
import { labPulumi } from "../lab/pulumi.ts";
import { site } from "../lab/site.ts";
import { labSettings, writeStack } from "../lab/stack.ts";

declare module "vitest" {
	interface ProvidedContext {
		/** Why the lab cannot run here, in plain words; undefined when it is up. */
		noLab: string | undefined;
	}
}

/** Boots the site for all end-to-end tests, as it is before the first `up`; takes it down after them unless it was up already. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
	const noLab = whyNoLab();
	project.provide("noLab", noLab);
	if (noLab !== undefined) {
		if (process.env["CI"]) {
			throw new Error(`in CI the lab's tests must run, but ${noLab}`);
		}
		process.stderr.write(`The lab's tests are skipped: ${noLab}.\n`);
		return undefined;
	}
	const wasUp = isUp(site.controlPlane.name);
	const kind = isUp(site.hypervisor.name) ? "vm" : "existing";
	const report = progress();
	const engine = await resolveEngine(report.note);
	report.note(`engine: ${engine.describe}`);
	// What is on the disks of a site that died is what a cut-off run left there, VMs of the hypervisor too.
	if (!wasUp) await down(report);
	await up(report, kind);
	await writeStack(await labSettings(kind));
	const pulumi = await labPulumi(engine);
	await report.step("pulumi destroy of what an earlier run left", () => pulumi.run(["destroy", "--yes"]));
	return wasUp ? undefined : () => down(report);
}
