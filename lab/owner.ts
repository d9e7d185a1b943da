import { readFile, rm, writeFile } from "node:fs/promises";
import { cacheDir } from "./cache.ts";
import { anyHostRuns } from "./leftovers.ts";

/** Names the cache folder of the lab that owns the machine's namespaces and cgroups. Removed with the lab, or by the next boot. */
const file = "/run/pod-gateway-lab";

/** Claims the machine for the lab of this cache folder. Throws when the lab of another cache folder is up. */
export async function claimMachine(): Promise<void> {
	const owner = await readFile(file, "utf8").catch(() => cacheDir());
	if (owner !== cacheDir() && (await anyHostRuns())) {
		throw new Error(
			`a lab with its files in ${owner} is up on this machine; take it down: POD_GATEWAY_CACHE=${owner} npm run lab -- down`,
		);
	}
	await writeFile(file, cacheDir());
}

/** Frees the machine for another lab. */
export async function releaseMachine(): Promise<void> {
	await rm(file, { force: true });
}
