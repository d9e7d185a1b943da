import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { idsOf, type Scope, siteId } from "./site.ts";

/**
 * The only folder outside the checkout. It has what takes long to make (binaries, root filesystems, images) and the state of the
 * sites that are up ({@link siteDir}). `POD_GATEWAY_CACHE` names another one; the default is `~/.cache/pod-gateway`. It is safe to
 * delete while no lab is up.
 */
export function cacheDir(...below: string[]): string {
	const top = process.env["POD_GATEWAY_CACHE"] || join(homedir(), ".cache", "pod-gateway");
	return join(top, ...below);
}

/** The state of this process's site, which is removed with the site. */
export function siteDir(...below: string[]): string {
	return cacheDir(`site${siteId}`, ...below);
}

/** The folders of the sites that have state in this cache. */
export async function siteDirs(of: Scope): Promise<string[]> {
	if (!existsSync(cacheDir())) return [];
	const ours = new RegExp(`^site${idsOf(of)}$`);
	return (await readdir(cacheDir())).filter((name) => ours.test(name)).map((name) => cacheDir(name));
}
