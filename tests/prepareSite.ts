import { resolveEngine } from "../lab/engine/engine.ts";
import { isUp } from "../lab/host.ts";
import { up } from "../lab/lifecycle.ts";
import { withBuildLock } from "../lab/machineLock.ts";
import { progress } from "../lab/progress.ts";
import { labPulumi } from "../lab/pulumi.ts";
import { site } from "../lab/site.ts";
import { labSettings, writeStack } from "../lab/stack.ts";

/** Boots what is down of this process's site, and takes away what an earlier suite has left deployed there. */
export async function prepareSite(): Promise<void> {
	const report = progress();
	const kind = isUp(site.hypervisor.name) ? "vm" : "existing";
	await up(report, kind);
	const pulumi = await labPulumi(await withBuildLock(() => resolveEngine(report.note)));
	const { stdout } = await pulumi.run(["stack", "export"]);
	const { resources } = (JSON.parse(stdout) as { deployment: { resources?: unknown[] } }).deployment;
	if (!resources?.length) return;
	await writeStack(await labSettings(kind));
	await report.step("pulumi destroy of what an earlier suite left", () => pulumi.run(["destroy", "--yes"]));
}
