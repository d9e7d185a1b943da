import type { Command } from "commander";
import { messageOf } from "../components/network/messageOf.ts";
import { report } from "../components/report.ts";

/** Runs a command line. What goes wrong is text on standard error, with exit code 1. @param problemOf puts it in words. */
export function main(program: Command, problemOf: (error: unknown) => string = messageOf): void {
	program.parseAsync().catch((error: unknown) => {
		report(problemOf(error));
		process.exitCode = 1;
	});
}
