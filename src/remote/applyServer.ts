import { createHash } from "node:crypto";
import type { ReportLine } from "../core/values/reportLine.ts";
import { resultOf } from "../core/wire/outcome.ts";
import { UPLOADED, UPLOADED_BY_USER } from "./hostPaths.ts";
import { type HostScript, hostScript } from "./hostScript.ts";
import { runScript } from "./shell.ts";
import { place } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** Seconds: the server's own limit is 270, after which it has been settled. */
const TIME_LIMIT = 290;

/** What the last line of the script's answer says when the desired state is in force. */
const IN_FORCE = ["applied", "unchanged"];

/**
 * Brings the desired state to a server, in one transaction there, with the script that does it. What that says to people is reported
 * as it comes.
 *
 * @param desired the lines that src/core/wire/renderDesired.ts makes.
 * @returns what the script printed; its last line is JSON.
 * @throws ConnectionError when there is no connection: nothing was changed; Error when the desired state is not in force.
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
	// An exit code of 0 alone is what a script leaves, too, that did nothing.
	if (exitCode !== 0 || !IN_FORCE.includes(result ?? "")) {
		throw new Error(`${place(server)}: not in force (${result ?? "no result"}, exit code ${exitCode}); see above`);
	}
	return stdout;
}

function digestOf({ text }: HostScript): string {
	return createHash("sha256").update(text).digest("hex");
}

/** Where the user may write; a relative path is one in their home. */
function uploadPath(user: string, { version }: HostScript): string {
	return `${user === "root" ? UPLOADED : UPLOADED_BY_USER}-${version}`;
}
