import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The one folder outside the checkout for what takes long to make: binaries, root filesystems, images, and under `site/`
 * the state of the running lab. `POD_GATEWAY_CACHE` names another one; the default is `~/.cache/pod-gateway`. Safe to delete
 * while no lab is up.
 */
export function cacheDir(...below: string[]): string {
	const top = process.env["POD_GATEWAY_CACHE"] || join(homedir(), ".cache", "pod-gateway");
	return join(top, ...below);
}
