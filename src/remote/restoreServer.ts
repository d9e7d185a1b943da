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

/**
 * Seconds. The host script waits at most 30 s for another run, works for at most 90 s, and undoes an unfinished run for at most
 * 90 s.
 */
const TIME_LIMIT = 240;

/**
 * Removes everything of a stack from a server. Only warns if the server does not answer, so that a dead machine does not block
 * a removal.
 *
 * @param stack the stack's name. Default: the only stack that serves the server.
 * @throws Error if the server was not restored although it answers or may exist. It must then stay in the state.
 */
export async function restoreServer(server: SshTarget, report: ReportLine, stack?: string): Promise<void> {
	try {
		const { stdout, stderr, exitCode } = await runScript(server, hostScript("restore-server.sh"), {
			args: stack === undefined ? [] : ["--stack", stack],
			timeout: TIME_LIMIT,
		});
		const said = words(stderr);
		if (exitCode !== 0) throw new Error(`restoring ${server.host} failed (exit code ${exitCode}):\n${said}`);
		// A script that did nothing exits with 0, too.
		if (resultOf(stdout) !== "restored") {
			throw new Error(
				`${server.host} did not confirm that it is restored, but answered: ${printable(stdout)}\n${said}`,
			);
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
