/**
 * `npm run report -- ENV`: writes the site as one HTML page, and as Markdown for a pull request. Exit code 0: both are written;
 * 1: at least one is not.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Command } from "commander";
import { parseDesired } from "../src/core/wire/parseDesired.ts";
import { report, reportToTerminal } from "../src/messages/report.ts";
import { type DeployedServer, deployedOutputs, deployedServers } from "../src/stack/deployed.ts";
import { exportState, historyJson, previewJson } from "../src/stack/pulumi.ts";
import { compareServers } from "./findings.ts";
import { reviewOf } from "./preview.ts";
import { parseHistory } from "./report/history.ts";
import { reportMarkdown } from "./report/markdown.ts";
import { page } from "./report/page.ts";
import { picture } from "./report/picture.ts";
import type { SiteReport } from "./report/site.ts";
import { start } from "./start.ts";

const program = new Command("npm run report --")
	.description(
		"Writes ENV.report.html, a self-contained page, and ENV.report.md, for a pull request. " +
			"Both show the routes and names of each server, differences from the last deployment, and who deployed when; " +
			"the page also shows a picture of the site. Changes nothing else.\nExit code 0: written; 1: not.",
	)
	.argument("<env>", "name of the stack, such as prod")
	.option("--out <folder>", "the folder for both files", ".")
	.option("--no-live", "only report what was deployed; do not read servers or run a preview")
	.action(async (stack: string, { out, live }: { out: string; live: boolean }) => {
		reportToTerminal(`reading the state of ${stack}`);
		const [state, history] = await Promise.all([exportState(stack), historyJson(stack)]);
		const servers = deployedServers(state);
		const { gateways, ranges, podRoutes } = deployedOutputs(state);
		if (live) reportToTerminal(`comparing ${servers.length} servers, and running a preview`);
		const [found, pending] = live
			? await Promise.all([compareServers(servers), whatWouldChange(stack)])
			: [[], undefined];
		const site: SiteReport = {
			stack,
			at: new Date(),
			pending,
			gateways: Object.entries(gateways).map(([name, gateway]) => ({ name, ...gateway })),
			blocks: [...new Set(podRoutes.flat())].map((line) => {
				const [, prefix = "", node = ""] = /^(\S+) of (.*)$/.exec(line) ?? [];
				return { prefix, node };
			}),
			services: ranges.services,
			servers: servers.map((server) => ({
				name: server.name,
				plan: planOf(server),
				outcome: server.outcome,
				finding: found.find((finding) => finding.server === server.name),
			})),
			deployments: parseHistory(history),
		};
		// The stack's name may include its organization and project, as in `acme/pod-gateway/prod`.
		const file = join(out, `${basename(stack)}.report`);
		await writeReport(`${file}.html`, page(site, await picture(site)));
		await writeReport(`${file}.md`, reportMarkdown(site));
	});

async function writeReport(path: string, text: string): Promise<void> {
	try {
		await mkdir(dirname(path), { recursive: true });
		await writeFile(path, text);
	} catch (error) {
		throw new Error(`cannot write ${path}: ${(error as Error).message}; choose another folder with --out`);
	}
	report(`wrote ${path}`);
}

function planOf({ name, desired }: DeployedServer) {
	const plan = parseDesired(desired);
	if (!plan.ok) throw new Error(`the desired state of ${name} cannot be parsed: ${plan.problems.join("; ")}`);
	return plan.value;
}

/** The review of a preview. A failed preview does not fail the report, which is often made because of a failure. */
async function whatWouldChange(stack: string): Promise<NonNullable<SiteReport["pending"]>> {
	try {
		return reviewOf(await previewJson(stack));
	} catch (error) {
		return { problem: (error as Error).message };
	}
}

start(program);
