import type { ReportLine } from "../core/values/reportLine.ts";
import { reportTime, withProgress } from "../messages/progress.ts";

/** The words for one phase in reports, each after the node's name. */
export interface PhaseName {
	/** While it runs. Example: `preparing`, for a line `gw-1: preparing, 20 s` every 10 s. */
	readonly doing: string;
	/** At its end. Example: `prepared`, for a line `gw-1: prepared in 12.3 s`. */
	readonly done: string;
	/** At its end if it did not change anything. Example: `is prepared`. Default: as `done`. */
	readonly unchanged?: string;
}

/** Runs one phase of a node, and reports its progress and its end. @param action tells whether it changed anything. */
export async function reportPhase<T extends { readonly changed: boolean }>(
	report: ReportLine,
	node: string,
	{ doing, done, unchanged }: PhaseName,
	action: () => Promise<T>,
): Promise<T> {
	return await reportTime(
		report,
		`${node}: ${done}`,
		() => withProgress(report, () => `${node}: ${doing}`, action),
		({ changed }) => (changed || unchanged === undefined ? undefined : `${node}: ${unchanged}`),
	);
}
