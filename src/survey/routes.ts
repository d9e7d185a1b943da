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

/** The least seconds for a reading, so that even a slow gateway can see that its routes have settled. */
const SHORTEST = 10;

/** A gateway's survey, compared with Calico's records. */
export interface GatewaySurvey extends Survey {
	/** A text for each row of the routing table that could not be read. */
	readonly unreadable: readonly string[];
	/** The blocks that the gateway should have routes to, as of the last reading. */
	readonly expected: readonly Block[];
	/** The expected blocks to which it has no route. */
	readonly missing: readonly Block[];
	/** Texts about Calico's records, such as those that could not be read. */
	readonly notes: readonly string[];
	/** The owner of every block by the block's prefix; undefined if Calico's records could not be read. */
	readonly owners: ReadonlyMap<string, string> | undefined;
	/** Calico's pools; empty if they are unknown. */
	readonly pools: readonly Pool[];
}

/**
 * Waits until a gateway's routes have settled and lead to every expected block, and returns them. Does not change anything. A
 * gateway that has just joined may settle with the routes of only some peers. If no blocks are expected, one route to pods is
 * enough.
 *
 * @param seconds the time limit. After it, the last reading is returned even if blocks are missing.
 * @param expected reads the expected blocks. It is called for each reading, because blocks may change meanwhile.
 * @throws Error if the routes do not settle in time, or the gateway cannot be read.
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
		// A later reading only gets the remaining time.
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
