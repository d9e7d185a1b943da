import type { Report } from "../core/values/report.ts";
import { withProgress } from "../messages/progress.ts";

/** What one phase is called while it goes on and when it is over, each after the node's name. */
export interface PhaseName {
	/** Example: `preparing`; every 10 s a line such as `gw-1: preparing, 20 s`. */
	readonly doing: string;
	/** Example: `prepared`, of which a line such as `gw-1: prepared in 12.3 s` is made. */
	readonly done: string;
	/** Said instead, without a time, when there was nothing to change. Example: `is prepared`. */
	readonly unchanged?: string;
}

/** Does one phase of a node's way and reports its end. @param action tells whether it changed anything. */
export async function reportPhase<T extends { readonly changed: boolean }>(
	report: Report,
	node: string,
	{ doing, done, unchanged }: PhaseName,
	action: () => Promise<T>,
): Promise<T> {
	const begin = Date.now();
	const result = await withProgress(report, () => `${node}: ${doing}`, action);
	const seconds = ((Date.now() - begin) / 1000).toFixed(1);
	report(result.changed || unchanged === undefined ? `${node}: ${done} in ${seconds} s` : `${node}: ${unchanged}`);
	return result;
}
