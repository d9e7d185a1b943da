import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const folder = join(import.meta.dirname, "server");

/**
 * The script for servers, put together from its parts in `server/` by `npm run host`. It is one file, because the script installs
 * itself as one, and is committed, because it is what runs on servers and what their admins read.
 */
export const assembled = join(import.meta.dirname, "server-network.sh");

/** The parts in order: functions first, and what calls them last. An owner of resolv.conf is a file in `dns/`. */
export function parts(): readonly string[] {
	const owners = readdirSync(join(folder, "dns")).sort();
	const before = ["head", "output", "operator", "desired", "routes", "guards", "files", "dns"];
	const after = ["units", "transaction", "verify", "record", "apply", "restore", "reapply", "status", "main"];
	return [...before.map(named), ...owners.map((name) => join(folder, "dns", name)), ...after.map(named)];
}

const project = z.object({ version: z.string().regex(/^\d+\.\d+\.\d+$/) });

/** The version of pod-gateway, which a server's record names. */
export function version(): string {
	return project.parse(JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8"))).version;
}

/** The script's text. A part's first line is for shellcheck alone, which sees each part by itself. */
export function assemble(): string {
	return parts()
		.map((path) => readFileSync(path, "utf8").replace(/^# shellcheck .*\n/, ""))
		.join("\n")
		.replace(/^VERSION=$/m, `VERSION=${version()}`);
}

function named(name: string): string {
	return join(folder, `${name}.sh`);
}
