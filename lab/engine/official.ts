import { realpath } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { pulumiOnPath } from "../../src/stack/pulumiOnPath.ts";
import { findExecutable, isExecutable } from "./executables.ts";
import { ensurePlugins } from "./plugins.ts";
import { withProgress } from "./progress.ts";
import { type Engine, type ReportLine, version } from "./tiers.ts";

const languageHost = "pulumi-language-nodejs";

/** The site from which the npm package `pulumi` downloads, and how many milliseconds to wait for an answer from there. */
const downloads = "https://get.pulumi.com/install.sh";
const probePatience = 5_000;

/** Milliseconds for the download of the CLI (about 150 MB). */
const downloadPatience = 600_000;

/**
 * The Pulumi that the person has installed.
 * @throws Error that names what is missing.
 */
export async function pathEngine(report: ReportLine): Promise<Engine> {
	const pulumi = pulumiOnPath();
	if (pulumi === undefined) {
		// The next tier handles the npm package's pulumi.
		const npm = (await findExecutable("pulumi")) !== undefined;
		throw new Error(npm ? "the only pulumi on PATH is the npm package's" : "there is no pulumi on PATH");
	}
	const real = await realpath(pulumi);
	const host = await findExecutable(languageHost);
	if (host === undefined && !(await isExecutable(join(dirname(real), languageHost)))) {
		throw new Error(`there is no ${languageHost} on PATH or beside ${pulumi}`);
	}
	return official("path", pulumi, report);
}

/**
 * The official CLI of the pinned version. The npm package `pulumi` downloads it once, into the folder that it shares with Pulumi's
 * Automation API.
 * @throws Error when the site for downloads is out of reach.
 */
export async function npmEngine(report: ReportLine): Promise<Engine> {
	const require = createRequire(import.meta.url);
	const { cacheDir } = require("pulumi/lib/cache.js") as { cacheDir(version: string): string };
	const pulumi = join(cacheDir(version), "bin", "pulumi");
	if (!(await isExecutable(pulumi))) {
		await probe();
		const run = [require.resolve("pulumi/run.js"), "version"];
		const what = `downloading Pulumi ${version}`;
		await withProgress(what, report, () => execa(process.execPath, run, { timeout: downloadPatience }));
	}
	return official("npm", pulumi, report);
}

async function official(tier: "path" | "npm", pulumi: string, report: ReportLine): Promise<Engine> {
	await ensurePlugins(pulumi, report);
	const { stdout } = await execa(pulumi, ["version"], { timeout: 30_000 });
	const found = stdout.trim().replace(/^v/, "");
	const origin = tier === "path" ? `on PATH (${pulumi})` : "of the npm package";
	return {
		tier,
		pulumi,
		path: [dirname(pulumi)],
		version: found,
		describe: `Pulumi ${found} ${origin}, with the official language host and plugins`,
	};
}

async function probe(): Promise<void> {
	try {
		await fetch(downloads, { method: "HEAD", signal: AbortSignal.timeout(probePatience) });
	} catch (error) {
		const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
		throw new Error(`${new URL(downloads).host} is out of reach (${cause})`);
	}
}
