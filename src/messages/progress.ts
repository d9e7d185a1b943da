import type { ReportLine } from "../core/values/reportLine.ts";

/** Seconds between two lines of progress. */
const INTERVAL = 10;

/**
 * Runs a long action, and reports its progress every 10 s.
 *
 * @param what called for each line. Example of a line: `gw-1: waiting for SSH at 10.200.0.20, 20 s`.
 */
export async function withProgress<T>(report: ReportLine, what: () => string, action: () => Promise<T>): Promise<T> {
	const begin = Date.now();
	const timer = setInterval(() => report(`${what()}, ${Math.round((Date.now() - begin) / 1000)} s`), INTERVAL * 1000);
	try {
		return await action();
	} finally {
		clearInterval(timer);
	}
}

/**
 * Runs an action, and reports at its end how long it took.
 *
 * @param label the start of the line. Example: `gw-1: booted`.
 * @param instead gives another line to report for the action's value. Default: none.
 */
export async function reportTime<T>(
	report: ReportLine,
	label: string,
	action: () => Promise<T>,
	instead: (value: T) => string | undefined = () => undefined,
): Promise<T> {
	const begin = Date.now();
	const value = await action();
	report(instead(value) ?? `${label} in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
	return value;
}
