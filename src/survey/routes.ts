import { setTimeout as sleep } from "node:timers/promises";
import { type Block, type ExpectedBlocks, missingBlocks } from "../core/calico/blocks.ts";
import type { Pool } from "../core/calico/pools.ts";
import { parseSurveyOutput } from "../core/kernel/surveyOutput.ts";
import { gatherRoutes, type Survey } from "../core/plan/podRoutes.ts";
import type { Prefix } from "../core/values/prefix.ts";
import { words } from "../core/values/words.ts";
import { hostScript } from "../remote/hostScript.ts";
import { type Run, runScript } from "../remote/shell.ts";
import type { SshTarget } from "../remote/sshTarget.ts";

/** Seconds that a reading needs to see that routes rest, where the gateway is slow. */
const SHORTEST = 10;

/** A survey, and what is wrong with it. */
export interface GatewaySurvey extends Survey {
	/** A text for each row of the routing table that made no sense. */
	readonly unreadable: readonly string[];
	/** The blocks that there were to be routes to when the time was over. */
	readonly expected: readonly Block[];
	/** Those of them to which there was none. */
	readonly missing: readonly Block[];
	/** What there is to say of the expectation. */
	readonly notes: readonly string[];
	/** The node of every block by the block's prefix; undefined where Calico's records could not be read. */
	readonly owners: ReadonlyMap<string, string> | undefined;
	/** Calico's pools, where they are known. */
	readonly pools: readonly Pool[];
}

/**
 * Reads a gateway's routes once they have come to rest and lead to every block that is expected, and changes nothing. A gateway
 * that has just joined can rest with the routes of some peers only. Where no block is expected, one route to the pods will do.
 *
 * @param seconds how long that may take; what is there by then is the answer.
 * @param expected asked beside each reading, for blocks come and go while the gateway is waited for.
 * @throws Error when the routes do not come to rest in that time or the gateway cannot be read.
 */
export async function readRoutes(
	gateway: SshTarget,
	podRanges: readonly Prefix[],
	seconds: number,
	expected: () => Promise<ExpectedBlocks>,
	run: Run = runScript,
): Promise<GatewaySurvey> {
	const deadline = Date.now() + seconds * 1000;
	for (;;) {
		// A later reading has what is left of the time: each could use up all of it otherwise.
		const left = Math.max(SHORTEST, Math.ceil((deadline - Date.now()) / 1000));
		const [table, { blocks, notes, owners, pools }] = await Promise.all([
			readTable(gateway, Math.min(seconds, left), run),
			expected(),
		]);
		const survey = gatherRoutes(table.routes, podRanges);
		const missing = missingBlocks(blocks, survey.prefixes);
		if ((survey.prefixes.length > 0 && missing.length === 0) || Date.now() > deadline) {
			return { ...survey, unreadable: table.unreadable, expected: blocks, missing, notes, owners, pools };
		}
		await sleep(1000);
	}
}

async function readTable(gateway: SshTarget, seconds: number, run: Run) {
	const { stdout, stderr, exitCode } = await run(gateway, hostScript("read-routes.sh"), {
		args: [String(seconds)],
		timeout: seconds + 30,
	});
	if (exitCode !== 0) {
		throw new Error(`cannot read the routes of ${gateway.host}: ${words(stderr)}`);
	}
	const table = parseSurveyOutput(stdout);
	if (!table.ok) {
		throw new Error(`cannot read the routes of ${gateway.host}: ${table.problems.join("; ")}`);
	}
	return table.value;
}
