import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cacheDir } from "../cache.ts";
import type { Report } from "../progress.ts";

/** What to build from one Go module. */
export interface GoBuild {
	/** A name for the person who waits. */
	readonly name: string;
	/** Folder that holds the module's `go.mod`. */
	readonly module: URL;
	/** Import paths of the commands. Each becomes one file, named by the path's last part. `.` is the module itself. */
	readonly packages: readonly string[];
	/** Variables to set with the linker's `-X`, by their full name. */
	readonly variables?: Readonly<Record<string, string>>;
	/** Folder for the binaries. It appears complete or not at all. */
	readonly output: string;
}

/** Builds static binaries, unless their folder exists already. */
export async function goBuild(report: Report, build: GoBuild): Promise<void> {
	if (await stat(build.output).catch(() => undefined)) return;
	await report.step(`build ${build.name}`, () => compile(build));
}

async function compile({ module, packages, variables = {}, output }: GoBuild): Promise<void> {
	await mkdir(dirname(output), { recursive: true });
	const making = await mkdtemp(`${output}.`);
	const set = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);
	try {
		const ldflags = ["-s", "-w", ...set].join(" ");
		await execa("go", ["build", "-trimpath", "-ldflags", ldflags, "-o", `${making}/`, ...packages], {
			cwd: fileURLToPath(module),
			env: {
				CGO_ENABLED: "0",
				GOFLAGS: "-buildvcs=false -modcacherw",
				GOMODCACHE: cacheDir("go", "mod"),
				GOCACHE: cacheDir("go", "build"),
			},
		});
		await rename(making, output);
	} finally {
		await rm(making, { recursive: true, force: true });
	}
}
