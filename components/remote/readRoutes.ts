import type { Prefix } from "../network/prefix.ts";
import { gatherRoutes, type Survey } from "../network/survey.ts";
import { parseSurveyOutput } from "../network/surveyOutput.ts";
import { hostScript } from "./scripts.ts";
import { runRemote } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** A survey, and a text for each row of the routing table that made no sense. */
export interface GatewaySurvey extends Survey {
	readonly unreadable: readonly string[];
}

/**
 * Reads a gateway's routes once they have come to rest and there is one to the pods, and changes nothing.
 *
 * @param seconds how long that may take. @throws Error when it takes longer or the gateway cannot be read.
 */
export async function readRoutes(
	gateway: SshTarget,
	podRanges: readonly Prefix[],
	seconds: number,
): Promise<GatewaySurvey> {
	const script = hostScript("read-routes.sh");
	const deadline = Date.now() + seconds * 1000;
	for (;;) {
		const { stdout, stderr, exitCode } = await runRemote(gateway, `sh -s ${seconds}`, {
			input: script.text,
			timeout: seconds + 30,
		});
		if (exitCode !== 0) {
			throw new Error(`cannot read the routes of ${gateway.host}: ${stderr.trim()}`);
		}
		const table = parseSurveyOutput(stdout);
		if (!table.ok) {
			throw new Error(`cannot read the routes of ${gateway.host}: ${table.problems.join("; ")}`);
		}
		const survey = gatherRoutes(table.value.routes, podRanges);
		if (survey.prefixes.length > 0 || Date.now() > deadline) {
			return { ...survey, unreadable: table.value.unreadable };
		}
		await new Promise((resolve) => setTimeout(resolve, 1000));
	}
}
