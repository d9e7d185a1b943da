/**
 * Gives a suite (a file of tests, in a process of its own) a site that no other suite has meanwhile: booted, with nothing deployed
 * on it. It says by POD_GATEWAY_SITE which one, before anything that knows the site is loaded.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { tryLock } from "../lab/machineLock.ts";

if (inject("noLab") === undefined) {
	process.env["POD_GATEWAY_SITE"] = await lease(inject("sites"));
	const { prepareSite } = await import("./prepareSite.ts");
	await prepareSite();
}

/** Waits for a free site. It is this process's until that ends. */
async function lease(sites: readonly string[]): Promise<string> {
	for (;;) {
		for (const site of sites) if (await tryLock(`suite-on-site${site}`)) return site;
		await sleep(100);
	}
}
