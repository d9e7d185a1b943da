/**
 * Gives a suite (a file of tests, in a process of its own) a site that no other suite uses meanwhile. The site is booted, and nothing is
 * deployed on it. Sets POD_GATEWAY_SITE before any module that reads it is loaded.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { inject } from "vitest";
import { tryLock } from "../lab/machineLock.ts";

if (inject("noLab") === undefined) {
	process.env["POD_GATEWAY_SITE"] = await lease(inject("sites"));
	const { prepareSite } = await import("./prepareSite.ts");
	await prepareSite();
}

/** Waits for a free site. This process has it until it ends. */
async function lease(sites: readonly string[]): Promise<string> {
	for (;;) {
		for (const site of sites) if (await tryLock(`suite-on-site${site}`)) return site;
		await sleep(100);
	}
}
