import type { Command } from "commander";
import { messageOf } from "../src/core/values/messageOf.ts";
import { coloursFor } from "./colours.ts";
import { runOnLab } from "./onLab.ts";

/**
 * Runs a tool's command line. What goes wrong is one line on standard error, with exit code 1. On a stack of the lab the tool is run
 * anew on the lab's workstation.
 *
 * @param program with the stack's name as its first argument, if it has one.
 */
export function start(program: Command): void {
	program
		.showHelpAfterError("(--help says how it is called)")
		.hook("preAction", async (_, { args: [stack] }) => {
			const exitCode = stack === undefined ? undefined : await runOnLab(stack);
			if (exitCode !== undefined) process.exit(exitCode);
		})
		.parseAsync()
		.catch((error: unknown) => {
			reportError(messageOf(error));
			process.exitCode = 1;
		});
}

/** Says on standard error what is wrong. */
export function reportError(problem: string): void {
	process.stderr.write(`${coloursFor(process.stderr).red("error:")} ${problem}\n`);
}
