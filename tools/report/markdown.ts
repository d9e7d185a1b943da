import { escapeUTF8 } from "entities";
import { alike } from "../alike.ts";
import { healthOf, lastDeployed, moment, type SiteReport, summary } from "./site.ts";

/** The report as Markdown for a pull request: the summary, what differs, and a table of the servers. */
export function reportMarkdown(report: SiteReport): string {
	const { stack, at, servers, pending, deployments } = report;
	const differing = servers.filter(({ finding }) => finding !== undefined && finding.state !== "in sync");
	const [latest] = deployments;
	return [
		`### pod-gateway: ${stack}`,
		"",
		`${summary(report)}. Made ${moment(at)}.`,
		...(latest ? [`Last deployment: ${moment(latest.start)}, ${cell(latest.result)}.`] : []),
		...(pending === undefined
			? []
			: [
					"problem" in pending
						? "The preview failed."
						: `An update would change ${pending.servers.length} of ${servers.length} servers now.`,
					...("others" in pending && pending.others.length > 0
						? [`Gateways: ${pending.others.map(cell).join(", ")}.`]
						: []),
				]),
		"",
		"| server | health | last deployed | routes | names by |",
		"| --- | --- | --- | --- | --- |",
		...servers.map((server) => {
			const { name, plan, outcome } = server;
			const cells = [name, healthOf(server), lastDeployed(server), plan.routes.length, outcome.dnsMethod];
			return `| ${cells.map((value) => cell(String(value))).join(" | ")} |`;
		}),
		// Most that differ do so alike, and a comment on a pull request has a limit.
		...alike(differing, ({ finding }) => JSON.stringify([finding?.state, finding?.details])).flatMap((group) => [
			"",
			`<details><summary>${group.map(({ name }) => escapeUTF8(name)).join(", ")}: ${group[0]?.finding?.state}</summary>`,
			"",
			fenced(group[0]?.finding?.details ?? []),
			"",
			"</details>",
		]),
		"",
	].join("\n");
}

/** Text for a table's cell: nothing in it is markup. */
function cell(text: string): string {
	return text.replace(/[\r\n]+/g, " ").replace(/[\\`*_{}[\]<>()#+!|~&-]/g, "\\$&");
}

/** Lines as they are, inside a fence that is longer than any in them. */
function fenced(lines: readonly string[]): string {
	const longest = Math.max(
		2,
		...(lines
			.join("\n")
			.match(/`+/g)
			?.map((run) => run.length) ?? []),
	);
	const fence = "`".repeat(longest + 1);
	return [`${fence}diff`, ...lines, fence].join("\n");
}
