/**
 * Sets up a physical server from the operator's machine. `apply` reads the desired state on standard input, and an SSH target
 * (src/remote/sshTarget.ts) as JSON in POD_GATEWAY_TARGET. `restore` reads the target on standard input. `pulumi up` and
 * `pulumi destroy` run it, and a person can.
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

const program = new Command("physical-server").description("A physical server, given as an SSH target in JSON.");
program
	.command("apply")
	.description("apply the desired state on standard input to the server in POD_GATEWAY_TARGET")
	.action(async () => {
		const target = parseRequest(sshTargetSchema, process.env[TARGET_VARIABLE] ?? "", TARGET_VARIABLE);
		process.stdout.write(await applyToServer(target, await text(process.stdin), report));
	});
program
	.command("restore")
	.description(
		"remove everything of a stack from the server on standard input; only warn if it does not answer, and fail if it refuses the login",
	)
	.option("--stack <name>", "the stack to remove; needed if several stacks serve the server")
	.action(async ({ stack }: { stack?: string }) => {
		await restoreServer(await readRequest(sshTargetSchema), report, stack);
	});

main(program);
