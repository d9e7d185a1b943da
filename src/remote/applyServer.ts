import { createHash } from "node:crypto";
import type { ReportLine } from "../core/values/reportLine.ts";
import { resultOf } from "../core/wire/outcome.ts";
import { UPLOADED, UPLOADED_BY_USER } from "./hostPaths.ts";
import { type HostScript, hostScript } from "./hostScript.ts";
import { runScript } from "./shell.ts";
import { hostAndPort } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** Seconds. The server's own limit is 270, after which it has committed or rolled back. */
const TIME_LIMIT = 290;

/** The results in the script's last line that mean that the desired state is in force. */
const IN_FORCE = ["applied", "unchanged"];

/**
 * Uploads the script for servers, and applies the desired state with it, in one transaction. Reports the script's standard
 * error line by line as it arrives.
 *
 * @param desired the lines from src/core/wire/renderDesired.ts.
 * @returns the script's standard output, whose last line is JSON.
 * @throws ConnectionError if the connection fails; the server was then not changed. Error if the desired state is not in force.
 */
export async function applyToServer(server: SshTarget, desired: string, report: ReportLine): Promise<string> {
	const script = hostScript("server-network.sh");
	const { stdout, exitCode } = await runScript(server, hostScript("apply-server.sh"), {
		args: [`${Buffer.byteLength(script.text)}`, digestOf(script), uploadPath(server.user, script)],
		input: script.text + desired,
		timeout: TIME_LIMIT,
		report,
	});
	const result = resultOf(stdout);
	// A script that did nothing exits with 0, too.
	if (exitCode !== 0 || !IN_FORCE.includes(result ?? "")) {
		throw new Error(
			`${hostAndPort(server)}: not in force (${result ?? "no result"}, exit code ${exitCode}); see above`,
		);
	}
	return stdout;
}

function digestOf({ text }: HostScript): string {
	return createHash("sha256").update(text).digest("hex");
}

/** A path at which the user may write. A relative path is below the user's home. */
function uploadPath(user: string, { version }: HostScript): string {
	return `${user === "root" ? UPLOADED : UPLOADED_BY_USER}-${version}`;
}
