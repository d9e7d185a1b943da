import type { ReportLine } from "../core/values/reportLine.ts";
import { type DrainedCluster, drain } from "./drain.ts";
import { reportPhase } from "./phase.ts";
import type { NodeRequest } from "./request.ts";

/** Cordons and drains the node, and reports it as one phase. Throws, and treats `notReadyTimeout`, as {@link drain} does. */
export async function drainNode(
	cluster: DrainedCluster,
	{ name, drainTimeout }: Pick<NodeRequest["node"], "name" | "drainTimeout">,
	report: ReportLine,
	notReadyTimeout?: number,
): Promise<void> {
	const { left } = await reportPhase(
		report,
		name,
		{ doing: "draining", done: "drained", unchanged: "is drained" },
		async () => {
			const cordoned = (await cluster.node(name))?.spec?.unschedulable === true;
			const left = await drain(cluster, name, drainTimeout, notReadyTimeout);
			return { changed: !cordoned || left.length > 0, left };
		},
	);
	if (left.length > 0) report(`${name}: these pods left: ${left.join(", ")}`);
}
