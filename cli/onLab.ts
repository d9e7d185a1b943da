import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const project = join(import.meta.dirname, "..");

/** The key with which the lab marks a stack's settings as those of one of its sites. The program itself ignores it. */
export const LAB_SITE = "lab:site";
/** The lab sets this variable for the commands that it runs on its workstation. */
export const ON_LAB = "POD_GATEWAY_ON_LAB";

const stackFile = z.object({ config: z.object({ [LAB_SITE]: z.string() }) });

/**
 * The lab's site that a stack belongs to: a number, or "" for the site that people work on; undefined for any other stack.
 *
 * @param stack the stack's name, also with its organization and project.
 * @param folder the folder of the stacks' settings. Default: the project's.
 */
export function labSiteOf(stack: string, folder = join(project, "stacks")): string | undefined {
	const file = join(folder, `Pulumi.${basename(stack)}.yaml`);
	if (!existsSync(file)) return undefined;
	try {
		return stackFile.safeParse(parse(readFileSync(file, "utf8"))).data?.config[LAB_SITE];
	} catch {
		// Pulumi reports the problems of the file.
		return undefined;
	}
}

/**
 * Runs this command on the lab's workstation, with the lab's Pulumi, if the stack belongs to the lab and this is not that run
 * already.
 *
 * @returns its exit code; undefined if the command must run here.
 */
export async function runOnLab(stack: string, argv = process.argv): Promise<number | undefined> {
	const site = process.env[ON_LAB] === undefined ? labSiteOf(stack) : undefined;
	if (site === undefined) return undefined;
	const [node = process.execPath, ...command] = argv;
	const lab = ["--import", "tsx", join(project, "lab", "cli.ts"), "run", "--", node, "--import", "tsx", ...command];
	const env = { ...process.env, POD_GATEWAY_SITE: site };
	const child = spawn(process.execPath, lab, { stdio: "inherit", cwd: project, env });
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("close", (code) => resolve(code ?? 1));
	});
}
