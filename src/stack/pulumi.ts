import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { parseJson } from "../core/values/read.ts";
import { words } from "../core/values/words.ts";
import { pulumiOnPath } from "./pulumiOnPath.ts";

/** The pulumi command to run: POD_GATEWAY_PULUMI, or the user's own on PATH, or the npm package's. */
const pulumi = process.env["POD_GATEWAY_PULUMI"] ?? pulumiOnPath() ?? "pulumi";

/** Exports the state of a stack, by default with plain secrets. @throws Error with Pulumi's message. */
export function exportState(stack: string, { secrets = true } = {}): Promise<unknown> {
	return json(["stack", "export", ...(secrets ? ["--show-secrets"] : []), "--stack", stack]);
}

/** Runs a preview of `pulumi up`, with hidden secrets. @throws Error with Pulumi's message. */
export function previewJson(stack: string): Promise<unknown> {
	return json(["preview", "--json", "--stack", stack]);
}

/** Reads the last ten updates of a stack, the latest first. @throws Error with Pulumi's message. */
export function historyJson(stack: string): Promise<unknown> {
	return json(["stack", "history", "--json", "--page-size", "10", "--stack", stack]);
}

/** Runs Pulumi and parses its output. Errors do not quote the output if it may contain secrets. */
async function json(argv: readonly string[]): Promise<unknown> {
	const secret = argv.includes("--show-secrets");
	const command = `pulumi ${argv.join(" ")}`;
	const { stdout } = await promisify(execFile)(pulumi, argv, { maxBuffer: 2 ** 30 }).catch((error: unknown) => {
		const { code, stderr, stdout } = error as { code?: string | number; stderr?: string; stdout?: string };
		if (typeof code === "string") throw notStarted(error as NodeJS.ErrnoException);
		// A preview in JSON has its errors on standard output, and only warnings on standard error.
		const complete = secret || /^error:/m.test(stderr ?? "");
		const said = words([stderr, complete ? "" : stdout].map((text) => text?.trim()).join("\n"));
		throw new Error(`${command}: ${said || `failed with exit code ${code}`}`);
	});
	const printed = parseJson(stdout);
	if (printed === undefined) throw new Error(`${command}: its output is not JSON`);
	return printed;
}

/** The error if Pulumi did not start. Its file may be for another processor, or on a file system mounted with noexec. */
function notStarted({ code, message }: NodeJS.ErrnoException): Error {
	if (code === "ENOENT") return new Error(`${pulumi} is missing; run this with npm run, or install Pulumi`);
	return new Error(`${pulumi} cannot be run (${message}); install Pulumi again`);
}

/** Runs Pulumi with its output on standard error, so that a person can watch. @returns whether it succeeded. */
export async function runPulumi(argv: readonly string[]): Promise<boolean> {
	const child = spawn(pulumi, argv, { stdio: ["inherit", 2, 2] });
	return new Promise((resolve, reject) => {
		child.once("error", (error) => reject(notStarted(error)));
		child.once("close", (code) => resolve(code === 0));
	});
}
