import type { Command } from "commander";
import { messageOf } from "../src/core/values/messageOf.ts";
import { report } from "../src/messages/report.ts";

/**
 * Runs a command line. Errors go to standard error, with exit code 1.
 *
 * @param problemOf gives an error's text. Default: its message.
 */
export function main(program: Command, problemOf: (error: unknown) => string = messageOf): void {
	program.parseAsync().catch((error: unknown) => {
		report(problemOf(error));
		process.exitCode = 1;
	});
}
