import { resolveEngine } from "../lab/engine/engine.ts";
import { exec, isUp } from "../lab/host.ts";
import { up } from "../lab/lifecycle.ts";
import { withBuildLock } from "../lab/machineLock.ts";
import { progress } from "../lab/progress.ts";
import { labPulumi } from "../lab/pulumi.ts";
import { site } from "../lab/site.ts";
import { labSettings, writeStack } from "../lab/stack.ts";

/** Removes what people or a failed suite have left on a server: every stack, and the uploaded scripts. */
const CLEAR = `
host=/usr/local/sbin/pod-gateway-host
[ ! -e "$host" ] || sh "$host" restore --all
rm -f /usr/local/lib/pod-gateway-host-* /home/*/.pod-gateway-host-*
`;

/** Boots the hosts of this process's site that are down, and removes what an earlier suite has left deployed there. */
export async function prepareSite(): Promise<void> {
	const report = progress();
	const kind = isUp(site.hypervisor.name) ? "vm" : "existing";
	await up(report, kind);
	const pulumi = await labPulumi(await withBuildLock(() => resolveEngine(report.note)));
	const { stdout } = await pulumi.run(["stack", "export"]);
	const { resources } = (JSON.parse(stdout) as { deployment: { resources?: unknown[] } }).deployment;
	if (resources?.length) {
		await writeStack(await labSettings(kind));
		await report.step("pulumi destroy of what an earlier suite left", () => pulumi.run(["destroy", "--yes"]));
	}
	await Promise.all(site.servers.map(({ name }) => exec(name, ["sh", "-euc", CLEAR])));
}
