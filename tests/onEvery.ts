import { inspect } from "node:util";
import { type PhysicalServerMachine, site } from "../lab/site.ts";

/**
 * Works on all servers at the same time, to the end on each.
 *
 * @throws AggregateError with every failure in full: the error of a poll has its reason as the cause.
 */
export async function onEvery(goal: (server: PhysicalServerMachine) => Promise<void>): Promise<void> {
	const all = await Promise.allSettled(site.servers.map(goal));
	const failed = all.flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
	if (failed.length > 0) throw new AggregateError(failed, failed.map((error) => inspect(error)).join("\n"));
}
