import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const folder = join(import.meta.dirname, "server");

/**
 * The script for servers, which `npm run host` builds from its parts in `server/`. It is one file because the script installs itself
 * as one. It is committed because servers run this text, and their admins read it.
 */
export const assembled = join(import.meta.dirname, "server-network.sh");

/** The parts in order: functions first, then the code that calls them. Each owner of resolv.conf is a file in `dns/`. */
export function parts(): readonly string[] {
	const owners = readdirSync(join(folder, "dns")).sort();
	const before = ["head", "output", "operator", "desired", "routes", "guards", "files", "dns"];
	const after = ["units", "transaction", "verify", "record", "apply", "restore", "reapply", "status", "main"];
	return [...before.map(named), ...owners.map((name) => join(folder, "dns", name)), ...after.map(named)];
}

const project = z.object({ version: z.string().regex(/^\d+\.\d+\.\d+$/) });

/** The version of pod-gateway, which a server's record names. */
function version(): string {
	return project.parse(JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"))).version;
}

/** The script's text, without the first line of each part, which only shellcheck needs: it reads each part by itself. */
export function assemble(): string {
	return parts()
		.map((path) => readFileSync(path, "utf8").replace(/^# shellcheck .*\n/, ""))
		.join("\n")
		.replace(/^VERSION=$/m, `VERSION=${version()}`);
}

function named(name: string): string {
	return join(folder, `${name}.sh`);
}
