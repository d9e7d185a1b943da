import { readFile, rm, writeFile } from "node:fs/promises";
import { cacheDir } from "./cache.ts";
import { anyHostRuns } from "./leftovers.ts";

/** Says which cache folder's lab the machine's namespaces and cgroups belong to; gone with the lab, or at the next boot. */
const file = "/run/pod-gateway-lab";

/** Claims the machine for this cache folder's lab. Throws when the lab of another one is up. */
export async function claimMachine(): Promise<void> {
	const owner = await readFile(file, "utf8").catch(() => cacheDir());
	if (owner !== cacheDir() && (await anyHostRuns())) {
		throw new Error(
			`a lab with its files in ${owner} is up on this machine; take it down: POD_GATEWAY_CACHE=${owner} npm run lab -- down`,
		);
	}
	await writeFile(file, cacheDir());
}

/** The machine is free for another lab. */
export async function releaseMachine(): Promise<void> {
	await rm(file, { force: true });
}
