import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const project = join(import.meta.dirname, "..");

/** A key of no part of the program, by which the lab says in a stack's settings which of its sites the stack is of. */
export const LAB_SITE = "lab:site";
/** Set by the lab for what it runs on its workstation. */
export const ON_LAB = "POD_GATEWAY_ON_LAB";

const stackFile = z.object({ config: z.object({ [LAB_SITE]: z.string() }) });

/**
 * The lab's site that a stack is of: a number, or nothing for the one that people work on; undefined of any other stack.
 *
 * @param stack may be named with its organization and project. @param folder where the stacks' settings are.
 */
export function labSiteOf(stack: string, folder = join(project, "stacks")): string | undefined {
	const file = join(folder, `Pulumi.${basename(stack)}.yaml`);
	if (!existsSync(file)) return undefined;
	try {
		return stackFile.safeParse(parse(readFileSync(file, "utf8"))).data?.config[LAB_SITE];
	} catch {
		// What is wrong with it is Pulumi's to say.
		return undefined;
	}
}

/**
 * Runs this very command on the lab's workstation, with the lab's Pulumi, where the stack is the lab's and this is not that run.
 *
 * @returns its exit code; undefined where it is to be run here.
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
