/**
 * A physical server from the operator's machine: `restore`, with an SSH target (components/remote/sshTarget.ts) as JSON on
 * standard input. `pulumi up` and `pulumi destroy` run it; it can be run by hand.
 */
import { Command } from "commander";
import { restoreServer } from "../components/remote/restoreServer.ts";
import { sshTargetSchema } from "../components/remote/sshTarget.ts";
import { readRequest } from "./request.ts";

const report = (line: string) => process.stderr.write(`${line}\n`);

const program = new Command("physical-server").description(
	"A physical server; how to reach it is JSON on standard input.",
);
program
	.command("restore")
	.description(
		"take everything of a stack away; a server that does not answer is a warning, one that does not let us in an error",
	)
	.option("--stack <name>", "the stack that goes; needed where several serve the server")
	.action(async ({ stack }: { stack?: string }) => {
		await restoreServer(await readRequest(sshTargetSchema), report, stack);
	});

program.parseAsync().catch((error: unknown) => {
	report(error instanceof Error ? error.message : String(error));
	process.exitCode = 1;
});
