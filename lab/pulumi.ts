import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { ON_LAB } from "../cli/onLab.ts";
import { siteDir } from "./cache.ts";
import type { Engine } from "./engine/engine.ts";
import type { ExecOptions, ExecResult } from "./exec.ts";
import { inOperator } from "./host.ts";
import { siteId, stackName } from "./site.ts";
import { heldByTheDead } from "./stackLocks.ts";
import { type Phase, phasesOf } from "./timeline.ts";

const project = join(import.meta.dirname, "..");

/** The lab's Pulumi: the real CLI with this project, on the operator's workstation, and with a state in the site's folder. */
export interface LabPulumi {
	/** Runs `pulumi ARG…` in the project's folder. */
	run(args: readonly string[], options?: ExecOptions): Promise<ExecResult>;
	/** Runs any command there, with this Pulumi and the stack's state. */
	beside(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
	/** Runs `npm run NAME -- STACK ARG…` there, without npm's own start. Its exit code is for the caller to judge. */
	tool(name: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>;
}

/** Prepares the site's stack in a folder that is removed with the site, and removes the lock of a Pulumi that was killed. */
export async function labPulumi(engine: Engine): Promise<LabPulumi> {
	const state = siteDir("pulumi");
	// Throws if the site is not up, before this makes a folder for it.
	await inOperator(["true"]);
	await mkdir(state, { recursive: true });
	const env = {
		PATH: [...engine.path, process.env["PATH"] ?? ""].join(":"),
		POD_GATEWAY_PULUMI: engine.pulumi,
		[ON_LAB]: siteId,
		PULUMI_BACKEND_URL: `file://${state}`,
		PULUMI_STACK: stackName,
		// The lab's secrets protect nothing outside the lab.
		PULUMI_CONFIG_PASSPHRASE: "lab",
		PULUMI_SKIP_UPDATE_CHECK: "true",
		PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
	};
	const beside: LabPulumi["beside"] = (argv, options = {}) =>
		inOperator(argv, { cwd: project, timeoutSeconds: 1800, ...options, env: { ...env, ...options.env } });
	const pulumi: LabPulumi = {
		beside,
		run: (args, options) => beside([engine.pulumi, ...args], options),
		tool: (name, args = [], options) => beside([...npmScript(name), stackName, ...args], { ...options, check: false }),
	};
	await pulumi.run(["stack", "select", "--create", stackName]);
	const locks = join(state, ".pulumi", "locks", "organization", "pod-gateway", stackName);
	if (await heldByTheDead(locks)) await pulumi.run(["cancel", "--yes"]);
	return pulumi;
}

/** The command of a script in package.json. */
function npmScript(name: string): readonly string[] {
	const command = packageJson.parse(JSON.parse(readFileSync(join(project, "package.json"), "utf8"))).scripts[name];
	if (command === undefined) throw new Error(`package.json has no script ${name}`);
	return command.split(" ");
}

const packageJson = z.object({ scripts: z.record(z.string(), z.string()) });

/** Runs `pulumi up`. @returns its phases */
export async function timedUp(pulumi: LabPulumi, options: ExecOptions = {}): Promise<readonly Phase[]> {
	// The log has every message of the SDK, with secrets in plain text: only its owner can read it, and it is removed at once.
	const folder = await mkdtemp(join(tmpdir(), "pod-gateway-"));
	const log = join(folder, "events");
	try {
		const env = { ...options.env, PULUMI_DEBUG_COMMANDS: "true" };
		await pulumi.run(["up", "--yes", "--skip-preview", "--event-log", log], { ...options, env });
		return phasesOf(await readFile(log, "utf8"));
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}
