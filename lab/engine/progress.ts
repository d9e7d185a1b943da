import type { ReportLine } from "./tiers.ts";

/** Milliseconds before the first line, and between one line and the next. */
const first = 2_000;
const next = 15_000;

/** Does something that may take long. If it takes more than two seconds, reports the time every now and then, and at its end. */
export async function withProgress<Result>(
	what: string,
	report: ReportLine,
	work: () => Promise<Result>,
): Promise<Result> {
	const start = Date.now();
	const line = () => report(`${what}: ${seconds(start)}`);
	let timer = setTimeout(function tick() {
		line();
		timer = setTimeout(tick, next);
	}, first);
	try {
		const result = await work();
		if (Date.now() - start > first) report(`${what}: done in ${seconds(start)}`);
		return result;
	} finally {
		clearTimeout(timer);
	}
}

function seconds(start: number): string {
	return `${Math.round((Date.now() - start) / 1000)} s`;
}
