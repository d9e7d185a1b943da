import { printable } from "../core/values/printable.ts";
import type { ReportLine } from "../core/values/reportLine.ts";
import { words } from "../core/values/words.ts";
import { resultOf } from "../core/wire/outcome.ts";
import { isGone, mendOrForget } from "./gone.ts";
import { INSTALLED } from "./hostPaths.ts";
import { hostScript } from "./hostScript.ts";
import { runScript } from "./shell.ts";
import { ConnectionError } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** Seconds: the host script waits at most 30 for its turn, has 90, and 90 more to undo what it could not finish. */
const TIME_LIMIT = 240;

/**
 * Takes everything of a stack away from a server. One that does not answer is a warning: a dead machine holds nothing up.
 *
 * @param stack its name, needed where several serve the server. Default: the only one.
 * @throws Error when the server is there and was not restored, or nobody can tell whether it is there: it has to stay in the state.
 */
export async function restoreServer(server: SshTarget, report: ReportLine, stack?: string): Promise<void> {
	try {
		const { stdout, stderr, exitCode } = await runScript(server, hostScript("restore-server.sh"), {
			args: stack === undefined ? [] : ["--stack", stack],
			timeout: TIME_LIMIT,
		});
		const said = words(stderr);
		if (exitCode !== 0) throw new Error(`restoring ${server.host} failed (exit code ${exitCode}):\n${said}`);
		// An exit code of 0 alone is what a script leaves, too, that did nothing.
		if (resultOf(stdout) !== "restored") {
			throw new Error(`${server.host} did not say that it is restored, but: ${printable(stdout)}\n${said}`);
		}
		if (said !== "") report(said);
	} catch (error) {
		if (!(error instanceof ConnectionError)) throw error;
		if (!isGone(error, server)) {
			const what = `${server.host} was not restored and stays in the state`;
			throw new Error(`${what}: ${error.message}; ${mendOrForget(server)}`);
		}
		report(
			`warning: ${server.host} was not restored: ${error.message}; when it is back, run there: ${INSTALLED} restore`,
		);
	}
}
