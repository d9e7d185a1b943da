import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../src/core/values/messageOf.ts";
import type { Work } from "./kind.ts";

/** The waits of the official plugin, in milliseconds: the first, the factor for the next, and the longest. */
const waits = { first: 100, factor: 1.5, longest: 5000 };

/**
 * Tries until an attempt succeeds, or until one attempt more than `limit` has failed (-1: without a limit).
 * @throws Error with the reason of the last attempt.
 */
export async function withRetries<Result>(
	what: string,
	limit: number,
	work: Work,
	attempt: () => Promise<Result>,
): Promise<Result> {
	for (let failed = 0, wait = waits.first; ; failed++, wait = Math.min(wait * waits.factor, waits.longest)) {
		try {
			return await attempt();
		} catch (error) {
			if (limit >= 0 && failed >= limit) {
				throw new Error(`after ${failed} failed attempts: ${messageOf(error)}`);
			}
			work.log.status(`${what} ${failed + 1}/${limit < 0 ? "inf" : limit} failed: retrying`);
			await sleep(wait, undefined, { signal: work.signal });
		}
	}
}
