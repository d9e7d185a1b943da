import { rename } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The programs that no package registry has: the name under which the engine looks for each, and its source. */
const programs = {
	"pulumi-language-nodejs": "language-nodejs/main.ts",
	"pulumi-resource-command": "resource-command/main.ts",
	"pulumi-resource-kubernetes": "resource-kubernetes/main.ts",
} as const;

/** A program that the lab adds to the engine that it builds itself. */
export type Launcher = keyof typeof programs;

/**
 * Writes one of the lab's stand-ins as a single executable file into a folder, and replaces an older one in one step. It is a bundle,
 * because each preview starts all three, and a bundle starts in a third of the time that the sources need.
 */
export async function writeLauncher(name: Launcher, folder: string): Promise<void> {
	const file = join(folder, name);
	const fresh = `${file}.${process.pid}`;
	await build({
		entryPoints: [fileURLToPath(new URL(programs[name], import.meta.url))],
		outfile: fresh,
		bundle: true,
		platform: "node",
		target: "node20",
		format: "cjs",
		banner: { js: "#!/usr/bin/env node" },
		// The optional native parts of ssh2, which works without them.
		external: ["*.node", "cpu-features"],
		logLevel: "error",
	});
	await rename(fresh, file);
}
