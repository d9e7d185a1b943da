import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { cacheDir } from "./cache.ts";
import { removeCgroups } from "./cgroups.ts";
import { startCluster } from "./cluster/cluster.ts";
import { bootHost, powerOff } from "./host.ts";
import { raiseInotifyLimit, restoreInotifyLimit } from "./inotify.ts";
import { ensureKeys } from "./keys.ts";
import { ensureLayers } from "./layers.ts";
import { endStrays, unmountStrays } from "./leftovers.ts";
import { withLabLock } from "./lock.ts";
import { ensureNamespaces, removeNamespaces } from "./namespaces.ts";
import { claimMachine, releaseMachine } from "./owner.ts";
import { ensurePrerequisites } from "./prerequisites.ts";
import type { Report } from "./progress.ts";
import { outsideHosts } from "./servers.ts";

/**
 * Brings the whole site up: what is there already stays as it is, what has died is cleaned up and started again.
 * Throws when the machine cannot run a lab, or another one is up.
 */
export async function up(report: Report): Promise<void> {
	await ensurePrerequisites(report);
	await withLabLock(async () => {
		await claimMachine();
		await unmountStrays();
		await report.step("Network", ensureNamespaces);
		await ensureKeys();
		await raiseInotifyLimit();
		await ensureLayers(report);
		const outside = outsideHosts.map((spec) => report.step(`Booting ${spec.name}`, () => bootHost(spec)));
		await Promise.all([...outside, startCluster(report)]);
	});
}

/** Takes the site down and away: processes, mounts, namespaces, cgroups and files, also what a crash has left of it. */
export async function down(report: Report): Promise<void> {
	await withLabLock(async () => {
		await claimMachine();
		await report.step("Stopping the hosts", async () => {
			// Their disks are thrown away: there is nothing for them to save.
			await Promise.all((await hostsWithState()).map(powerOff));
			await endStrays();
		});
		await report.step("Removing the site", async () => {
			await unmountStrays();
			await removeNamespaces();
			await removeCgroups();
			await restoreInotifyLimit();
			await rm(cacheDir("site"), { recursive: true, force: true });
			await releaseMachine();
		});
	});
}

async function hostsWithState(): Promise<string[]> {
	const folder = cacheDir("site", "hosts");
	return existsSync(folder) ? readdir(folder) : [];
}
