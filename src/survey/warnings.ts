import { outsideProblem, poolWarnings } from "../core/calico/pools.ts";
import { few } from "../core/values/few.ts";
import type { Prefix } from "../core/values/prefix.ts";
import type { GatewaySurvey } from "./routes.ts";

/** What there is to say of a survey, a line each: what made no sense, what was left out, what the pools mean for servers. */
export function surveyWarnings(
	{ rejected, unreadable, notes, pools }: GatewaySurvey,
	podRanges: readonly Prefix[],
): readonly string[] {
	return [
		...few(notes),
		...[outsideProblem(pools, podRanges)].filter((problem) => problem !== undefined),
		...poolWarnings(pools),
		...few(unreadable.map((problem) => `left out what is no route: ${problem}`)),
		...few(
			rejected
				.filter(({ suspicious }) => suspicious)
				.map(({ route, reason }) => `left out the route to ${route.destination.text}: ${reason}`),
		),
	];
}
