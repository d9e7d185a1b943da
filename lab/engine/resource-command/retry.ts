import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../src/core/values/messageOf.ts";
import type { Work } from "./kind.ts";

/** The waits of the official plugin: the first, by how much the next is longer, and the longest. Milliseconds. */
const waits = { first: 100, factor: 1.5, longest: 5000 };

/**
 * Tries until it works, or until one attempt more than `limit` has failed (-1: for ever).
 * @throws Error with the last attempt's reason.
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
