import { existsSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { idsOf, type Scope, siteId } from "./site.ts";

/** The cgroup that holds a cgroup for each of the site's hosts, in every hierarchy. */
export const CGROUP = `pod-gateway-lab${siteId}`;

const mountPoint = "/sys/fs/cgroup";

/** Removes the sites' cgroups from every hierarchy. Their processes must be gone. */
export async function removeCgroups(of: Scope): Promise<void> {
	for (const top of await labCgroups(of)) {
		// The last processes may still be ending, and a cgroup with a process in it cannot be removed.
		for (let tries = 0; existsSync(top); tries++) {
			const left = await removeTree(top).catch((error: Error) => error);
			if (left && tries === 100) throw new Error(`the cgroup ${top} cannot be removed: ${left.message}`);
			if (left) await sleep(50);
		}
	}
}

/** The sites' cgroups at the top of the hierarchies: with cgroup v2 one for each site, with v1 one for each controller, too. */
export async function labCgroups(of: Scope): Promise<string[]> {
	const hierarchies = [mountPoint, ...(await readdir(mountPoint)).map((name) => join(mountPoint, name))];
	const ours = new RegExp(`^pod-gateway-lab${idsOf(of)}$`);
	const found = hierarchies.map(async (hierarchy) => {
		const groups = await readdir(hierarchy).catch(() => []);
		return groups.filter((name) => ours.test(name)).map((name) => join(hierarchy, name));
	});
	return (await Promise.all(found)).flat();
}

async function removeTree(group: string): Promise<undefined> {
	for (const entry of await readdir(group, { withFileTypes: true })) {
		if (entry.isDirectory()) await removeTree(join(group, entry.name));
	}
	await rmdir(group);
}
