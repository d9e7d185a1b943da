/**
 * A physical server from the operator's machine: `restore`, with an SSH target (components/remote/sshTarget.ts) as JSON on
 * standard input. `pulumi up` and `pulumi destroy` run it; it can be run by hand.
 */
import { Command } from "commander";
import { quote } from "../components/remote/scripts.ts";
import { ConnectionError, runRemote } from "../components/remote/ssh.ts";
import { sshTargetSchema } from "../components/remote/sshTarget.ts";
import { readRequest } from "./request.ts";

const INSTALLED = "/usr/local/sbin/pod-gateway-host";
const UPLOADED = "/usr/local/lib/pod-gateway-host-* .pod-gateway-host-*";
/** Seconds: the host script waits at most 30 for its turn, has 90, and 90 more to undo what it could not finish. */
const TIME_LIMIT = 240;

const report = (line: string) => process.stderr.write(`${line}\n`);

const program = new Command("physical-server").description(
	"A physical server; how to reach it is JSON on standard input.",
);
program
	.command("restore")
	.description("take everything of a stack away; a server that cannot be reached is a warning")
	.option("--stack <name>", "the stack that goes; needed where several serve the server")
	.action(async ({ stack }: { stack?: string }) => {
		const target = await readRequest(sshTargetSchema);
		try {
			// A server that never had a transaction, or was reinstalled, has at most the script that was uploaded.
			const restore = `${INSTALLED} restore${stack === undefined ? "" : ` --stack ${quote(stack)}`}`;
			const command = `if [ -x ${INSTALLED} ]; then exec ${restore}; fi; rm -f ${UPLOADED}`;
			const { exitCode, stderr } = await runRemote(target, command, { timeout: TIME_LIMIT });
			if (exitCode !== 0) throw new Error(`restoring ${target.host} failed (exit code ${exitCode}):\n${stderr.trim()}`);
			report(stderr.trim());
		} catch (error) {
			if (!(error instanceof ConnectionError)) throw error;
			report(
				`warning: ${target.host} was not restored: ${error.message}; when it is back, run there: ${INSTALLED} restore`,
			);
		}
	});

program.parseAsync().catch((error: unknown) => {
	report(error instanceof Error ? error.message : String(error));
	process.exitCode = 1;
});
