import type { Report } from "../core/values/report.ts";

/** Seconds between two signs of life. */
const INTERVAL = 10;

/**
 * Does something that takes long, and says every 10 s what it is at.
 *
 * @param what is asked for each line. Example of a line: `gw-1: waiting for SSH at 10.200.0.20, 20 s`.
 */
export async function withProgress<T>(report: Report, what: () => string, action: () => Promise<T>): Promise<T> {
	const begin = Date.now();
	const timer = setInterval(() => report(`${what()}, ${Math.round((Date.now() - begin) / 1000)} s`), INTERVAL * 1000);
	try {
		return await action();
	} finally {
		clearInterval(timer);
	}
}

/** Does one phase of the work and says at its end how long it took. @param label Example: `gw-1: booted`. */
export async function reportTime<T>(report: Report, label: string, action: () => Promise<T>): Promise<T> {
	const begin = Date.now();
	const value = await action();
	report(`${label} in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
	return value;
}
