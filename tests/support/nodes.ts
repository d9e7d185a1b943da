/** `npm run test:nodes`: runs the unit tests with each supported version of Node.js, apart from the one that runs this. */

import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { Command } from "commander";
import { execa } from "execa";
import pc from "picocolors";
import { cacheDir } from "../../lab/cache.ts";
import { messageOf } from "../../src/core/values/messageOf.ts";

/** Versions whose official binaries are on npm. */
const versions = ["22.23.3", "24.21.0"] as const;

const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs");

new Command("npm run test:nodes --")
	.description("Runs the unit tests with each supported version of Node.js, whose binaries come from npm.")
	.argument("[files...]", "only tests whose path has one of these words")
	.action(testAll)
	.parseAsync()
	.catch((error: unknown) => {
		process.stderr.write(`${pc.red("error:")} ${messageOf(error)}\n`);
		process.exitCode = 1;
	});

/** Runs all versions, and throws at the end if tests failed with one of them. */
async function testAll(files: readonly string[]): Promise<void> {
	const failed: string[] = [];
	for (const version of versions) {
		const folder = await ensureNode(version);
		const PATH = [folder, process.env["PATH"] ?? ""].join(delimiter);
		const { stdout } = await execa("node", ["--version"], { env: { PATH } });
		if (stdout !== `v${version}`) throw new Error(`the package node@${version} brought ${stdout}`);
		process.stderr.write(`\n${pc.bold(`Node.js ${stdout}`)}\n`);
		const argv = [vitest, "run", "--project", "unit", ...files];
		const { exitCode } = await execa("node", argv, { env: { PATH }, stdio: "inherit", reject: false });
		if (exitCode !== 0) failed.push(version);
	}
	if (failed.length > 0) throw new Error(`tests failed with Node.js ${failed.join(" and ")}`);
}

/** The folder with that version's `node`. It appears complete or not at all. */
async function ensureNode(version: string): Promise<string> {
	const folder = cacheDir("node", version);
	// The package with the binary for this kind of machine, which npm's package `node` would install by a script.
	const name = `node-${process.platform}-${process.arch}`;
	const bin = join(folder, "node_modules", name, "bin");
	if (existsSync(bin)) return bin;
	process.stderr.write(`installing ${name}@${version} from npm …\n`);
	const partial = `${folder}.partial`;
	await rm(partial, { recursive: true, force: true });
	await mkdir(partial, { recursive: true });
	const options = ["--no-save", "--no-audit", "--no-fund"];
	await execa("npm", ["install", "--prefix", partial, ...options, `${name}@${version}`], { stdio: ["ignore", 2, 2] });
	await rename(partial, folder);
	return bin;
}
