import type { Command } from "commander";
import { messageOf } from "../src/core/values/messageOf.ts";
import { coloursFor } from "./colours.ts";
import { runOnLab } from "./onLab.ts";

/**
 * Runs a program's command line. Errors go to standard error, with exit code 1. For a stack of the lab, the program is run on
 * the lab's workstation instead.
 *
 * @param program a program whose first argument, if it has one, is the stack's name.
 */
export function start(program: Command): void {
	program
		.showHelpAfterError("(--help shows the usage)")
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

/** Writes an error to standard error. */
export function reportError(problem: string): void {
	process.stderr.write(`${coloursFor(process.stderr).red("error:")} ${problem}\n`);
}
