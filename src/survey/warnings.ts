import { outsideProblem, poolWarnings } from "../core/calico/pools.ts";
import { few } from "../core/values/few.ts";
import type { Prefix } from "../core/values/prefix.ts";
import type { GatewaySurvey } from "./routes.ts";

/** The warnings of a survey, a line each: unreadable records and rows, routes left out, and effects of the pools' settings. */
export function surveyWarnings(
	{ rejected, unreadable, notes, pools }: GatewaySurvey,
	podRanges: readonly Prefix[],
): readonly string[] {
	return [
		...few(notes),
		...[outsideProblem(pools, podRanges)].filter((problem) => problem !== undefined),
		...poolWarnings(pools),
		...few(unreadable.map((problem) => `left out a row that is not a route: ${problem}`)),
		...few(
			rejected
				.filter(({ suspicious }) => suspicious)
				.map(({ route, reason }) => `left out the route to ${route.destination.text}: ${reason}`),
		),
	];
}
