import { escapeUTF8 } from "entities";
import { alike } from "../alike.ts";
import { plainText } from "./plainText.ts";
import { healthOf, lastDeployed, moment, type SiteReport, summary } from "./site.ts";

/** The report as Markdown for a pull request: the summary, a table of the servers, and the differences. */
export function reportMarkdown(report: SiteReport): string {
	const { stack, at, servers, pending, deployments } = report;
	const differing = servers.filter(({ finding }) => finding !== undefined && finding.state !== "in sync");
	const [latest] = deployments;
	return [
		`### pod-gateway: ${code(stack)}`,
		"",
		`${summary(report, code)}. Made ${moment(at)}.`,
		...(latest ? [`Last deployment: ${moment(latest.start)}, ${code(latest.result)}.`] : []),
		...(pending === undefined
			? []
			: [
					"problem" in pending
						? "The preview failed."
						: `An update would change ${pending.servers.length} of ${servers.length} servers now.`,
					...("others" in pending && pending.others.length > 0
						? [`Gateways: ${pending.others.map(code).join(", ")}.`]
						: []),
				]),
		"",
		"| server | health | last deployed | routes | names by |",
		"| --- | --- | --- | --- | --- |",
		...servers.map((server) => {
			const { name, plan, outcome } = server;
			const cells = [
				code(name),
				healthOf(server),
				code(lastDeployed(server)),
				plan.routes.length,
				code(outcome.dnsMethod),
			];
			// A pipe would end the cell. Parsers escape a pipe after a backslash in different ways, so it is replaced.
			return `| ${cells.map((cell) => String(cell).replaceAll("|", "¦")).join(" | ")} |`;
		}),
		// Most servers have the same differences, which are shown once, because comments on pull requests have a limit.
		...alike(differing, ({ finding }) => JSON.stringify([finding?.state, finding?.details])).flatMap((group) => [
			"",
			`<details><summary>${group.map(({ name }) => `<code>${escapeUTF8(oneLine(name))}</code>`).join(", ")}: ${group[0]?.finding?.state}</summary>`,
			"",
			fenced(group[0]?.finding?.details ?? []),
			"",
			"</details>",
		]),
		"",
	].join("\n");
}

/** The text as code, so that it cannot contain markup, links or mentions. */
function code(text: string): string {
	const line = oneLine(text);
	if (line === "") return "";
	const fence = fenceOf(line, 1);
	// A text that begins or ends with a backtick needs a space there, which is not shown.
	return /^`|`$/.test(line) ? `${fence} ${line} ${fence}` : `${fence}${line}${fence}`;
}

function oneLine(text: string): string {
	return plainText(text).replace(/\s+/g, " ").trim();
}

/** The lines, unchanged, inside a fence. */
function fenced(lines: readonly string[]): string {
	const text = plainText(lines.join("\n"));
	const fence = fenceOf(text, 3);
	return [`${fence}diff`, text, fence].join("\n");
}

/** At least `least` backticks, and more than in any run of the text. */
function fenceOf(text: string, least: number): string {
	const runs = text.match(/`+/g) ?? [];
	return "`".repeat(Math.max(least, ...runs.map((run) => run.length + 1)));
}
