import { existsSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";

/**
 * The kernel limits file watchers for each user of the whole machine. Root's usual 128 are not enough for the systemds and
 * kubelets of a dozen hosts: "too many open files". Linux does not have a limit for each container.
 */
const limit = "/proc/sys/fs/inotify/max_user_instances";
const wanted = 8192;

/** Has the limit from before the first site. The file system does not outlive the setting: both end with the boot. */
const before = "/run/pod-gateway-lab.inotify-max-user-instances";

/** Raises the machine's limit of inotify instances while a site is up, and notes the limit before. */
export async function raiseInotifyLimit(): Promise<void> {
	const current = (await readFile(limit, "utf8")).trim();
	if (Number(current) >= wanted) return;
	if (!existsSync(before)) await writeFile(before, current);
	await writeFile(limit, `${wanted}`);
}

/** Sets the limit back to what it was before the first site. */
export async function restoreInotifyLimit(): Promise<void> {
	if (existsSync(before)) await writeFile(limit, await readFile(before, "utf8"));
	await rm(before, { force: true });
}
