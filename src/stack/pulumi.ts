import { execFile, spawn } from "node:child_process";
import { promisify } from "node:util";
import { parseJson } from "../core/values/read.ts";
import { words } from "../core/values/words.ts";
import { pulumiOnPath } from "./pulumiOnPath.ts";

/** The Pulumi to run. Default: the one that the user calls, before the npm package's. */
const pulumi = process.env["POD_GATEWAY_PULUMI"] ?? pulumiOnPath() ?? "pulumi";

/** The state of a stack, by default with its secrets shown. @throws Error with what Pulumi said. */
export function exportState(stack: string, { secrets = true } = {}): Promise<unknown> {
	return json(["stack", "export", ...(secrets ? ["--show-secrets"] : []), "--stack", stack]);
}

/** What `pulumi up` would do, with secrets hidden. @throws Error with what Pulumi said. */
export function previewJson(stack: string): Promise<unknown> {
	return json(["preview", "--json", "--stack", stack]);
}

/** The last ten updates of a stack, the latest first. @throws Error with what Pulumi said. */
export function historyJson(stack: string): Promise<unknown> {
	return json(["stack", "history", "--json", "--page-size", "10", "--stack", stack]);
}

/** What it printed is quoted in no error where secrets may be in it. */
async function json(argv: readonly string[]): Promise<unknown> {
	const secret = argv.includes("--show-secrets");
	const command = `pulumi ${argv.join(" ")}`;
	const { stdout } = await promisify(execFile)(pulumi, argv, { maxBuffer: 2 ** 30 }).catch((error: unknown) => {
		const { code, stderr, stdout } = error as { code?: string | number; stderr?: string; stdout?: string };
		if (typeof code === "string") throw notStarted(error as NodeJS.ErrnoException);
		// A preview in JSON has its errors in there, and warnings alone beside it.
		const complete = secret || /^error:/m.test(stderr ?? "");
		const said = words([stderr, complete ? "" : stdout].map((text) => text?.trim()).join("\n"));
		throw new Error(`${command}: ${said || `failed with exit code ${code}`}`);
	});
	const printed = parseJson(stdout);
	if (printed === undefined) throw new Error(`${command}: printed something that is not JSON`);
	return printed;
}

/** A file that may be executed is no Pulumi yet: it may be for another processor, or a folder's that forbids to run anything. */
function notStarted({ code, message }: NodeJS.ErrnoException): Error {
	if (code === "ENOENT") return new Error(`there is no ${pulumi}; run this by npm run, or install Pulumi`);
	return new Error(`${pulumi} cannot be run (${message}); install Pulumi anew`);
}

/** Runs Pulumi for a person to watch, its output on standard error. @returns whether it succeeded. */
export async function runPulumi(argv: readonly string[]): Promise<boolean> {
	const child = spawn(pulumi, argv, { stdio: ["inherit", 2, 2] });
	return new Promise((resolve, reject) => {
		child.once("error", (error) => reject(notStarted(error)));
		child.once("close", (code) => resolve(code === 0));
	});
}
