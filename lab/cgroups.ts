import { existsSync } from "node:fs";
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** The cgroup that holds a cgroup for each of the lab's hosts, in every hierarchy. */
export const CGROUP = "pod-gateway-lab";

const mountPoint = "/sys/fs/cgroup";

/** Removes the lab's cgroups from every hierarchy. Their processes must be gone. */
export async function removeCgroups(): Promise<void> {
	for (const top of await labCgroups()) {
		// The last processes may still be on their way out: a cgroup with one in it cannot be removed.
		for (let tries = 0; existsSync(top); tries++) {
			const left = await removeTree(top).catch((error: Error) => error);
			if (left && tries === 100) throw new Error(`cgroup ${top} does not go: ${left.message}`);
			if (left) await sleep(50);
		}
	}
}

/** The lab's cgroups at the top of the hierarchies: one with cgroup v2, one for each controller with v1. */
export async function labCgroups(): Promise<string[]> {
	const below = (await readdir(mountPoint)).map((name) => join(mountPoint, name, CGROUP));
	return [join(mountPoint, CGROUP), ...below].filter(existsSync);
}

async function removeTree(group: string): Promise<undefined> {
	for (const entry of await readdir(group, { withFileTypes: true })) {
		if (entry.isDirectory()) await removeTree(join(group, entry.name));
	}
	await rmdir(group);
}
