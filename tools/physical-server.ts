/**
 * A physical server from the operator's machine: `apply`, with the desired state on standard input and an SSH target
 * (src/remote/sshTarget.ts) as JSON in POD_GATEWAY_TARGET; `restore`, with the target on standard input. `pulumi up` and
 * `pulumi destroy` run it; it can be run by hand.
 */
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { report } from "../src/messages/report.ts";
import { applyToServer } from "../src/remote/applyServer.ts";
import { restoreServer } from "../src/remote/restoreServer.ts";
import { sshTargetSchema } from "../src/remote/sshTarget.ts";
import { TARGET_VARIABLE } from "../src/stack/resources.ts";
import { main } from "./main.ts";
import { parseRequest, readRequest } from "./readRequest.ts";

const program = new Command("physical-server").description("A physical server; how to reach it is JSON.");
program
	.command("apply")
	.description("bring the desired state there, which is on standard input; how to reach it is in POD_GATEWAY_TARGET")
	.action(async () => {
		const target = parseRequest(sshTargetSchema, process.env[TARGET_VARIABLE] ?? "", TARGET_VARIABLE);
		process.stdout.write(await applyToServer(target, await text(process.stdin), report));
	});
program
	.command("restore")
	.description(
		"take everything of a stack away, how to reach it is on standard input; a server that does not answer is a warning, one that does not let us in an error",
	)
	.option("--stack <name>", "the stack that goes; needed where several serve the server")
	.action(async ({ stack }: { stack?: string }) => {
		await restoreServer(await readRequest(sshTargetSchema), report, stack);
	});

main(program);
