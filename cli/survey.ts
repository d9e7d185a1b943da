/**
 * `npm run survey -- ENV`: reads the gateways' routes and the cluster's facts, and compares them with stacks/ENV.routes.json.
 * Exit code 0: they are the same, or --write has made them so; 2: they differ; 1: this could not be found out.
 */
import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { Command } from "commander";
import {
	clusterDifferences,
	type Lock,
	type LockedCluster,
	lockDifferences,
	parseLock,
	renderLock,
} from "../src/core/plan/lock.ts";
import type { PodRoute } from "../src/core/plan/podRoutes.ts";
import { onEveryGateway, withNodes } from "../src/core/plan/podRoutes.ts";
import { few } from "../src/core/values/few.ts";
import { report, reportToTerminal } from "../src/messages/report.ts";
import { type DeployedSite, deployedSite } from "../src/stack/deployed.ts";
import { lockCommand, lockPath } from "../src/stack/lockFile.ts";
import { exportState } from "../src/stack/pulumi.ts";
import { readExpectedBlocks } from "../src/survey/blocks.ts";
import { readCluster } from "../src/survey/cluster.ts";
import { type GatewaySurvey, readRoutes } from "../src/survey/routes.ts";
import { surveyWarnings } from "../src/survey/warnings.ts";
import { coloursFor } from "./colours.ts";
import { start } from "./start.ts";

/** Seconds that the routes may take to settle. It is short, because the gateways joined long ago. */
const CONVERGE = 15;

const program = new Command("npm run survey --")
	.description(
		"Reads the gateways' routes and the cluster's facts, and compares them with stacks/ENV.routes.json. Only changes that file, with --write.\nExit code 0: the same; 2: they differ; 1: could not tell.",
	)
	.argument("<env>", "name of the stack, such as prod")
	.option("--write", "update the file")
	.action(async (stack: string, { write }: { write?: boolean }) => {
		const path = lockPath(stack);
		const file = relative(process.cwd(), path);
		const text = existsSync(path) ? await readFile(path, "utf8") : undefined;
		const parsed = text === undefined ? undefined : parseLock(text);
		// An unreadable file can be written anew, but not compared.
		if (parsed?.ok === false && !write) {
			throw new Error(`${file} cannot be read:\n${parsed.problems.map((line) => `  ${line}`).join("\n")}`);
		}
		const locked = parsed?.ok ? parsed.value : undefined;
		reportToTerminal(`reading the state of ${stack}, then the gateways and the cluster`);
		const site = deployedSite(await exportState(stack));
		const [routes, cluster] = await Promise.all([surveyGateways(site, locked), readClusterOf(site)]);
		const live: Lock = { cluster, routes };
		print(routes, [
			...(locked ? clusterDifferences(locked.cluster, cluster) : []),
			...(locked || write ? lockDifferences(locked?.routes ?? [], routes) : []),
		]);
		const wanted = renderLock(live);
		if (write) {
			if (text !== wanted) {
				await writeFile(`${path}.new`, wanted);
				await rename(`${path}.new`, path);
			}
			report(text === wanted ? `${file} was up to date` : `${file} is written; commit it`);
			return;
		}
		if (text === wanted) return;
		report(
			text === undefined
				? `${file} does not exist yet; to write it: ${lockCommand(stack)}`
				: `${file} differs from the live routes and cluster (+ live, - locked); to update it: ${lockCommand(stack)}`,
		);
		process.exitCode = 2;
	});

async function readClusterOf({ gateways: [{ access }] }: DeployedSite): Promise<LockedCluster> {
	const cluster = await readCluster(access.kubeconfig, access.context);
	if (!cluster.ok) throw new Error(`the cluster's own facts cannot be read: ${cluster.problems.join("; ")}`);
	return cluster.value;
}

async function surveyGateways(
	{ gateways, podRanges }: DeployedSite,
	locked: Lock | undefined,
): Promise<readonly PodRoute[]> {
	const nodes = gateways.map(({ node }) => node);
	const surveys = await Promise.all(
		gateways.map(async (gateway) => {
			const expected = () => readExpectedBlocks(gateway.access, podRanges, nodes);
			const survey = await readRoutes(gateway.target, podRanges, CONVERGE, expected);
			for (const warning of [...surveyWarnings(survey, podRanges), ...disagreements(survey)])
				report(`${coloursFor(process.stderr).yellow("warning:")} ${gateway.name}: ${warning}`);
			return withNodes(survey.prefixes, survey.owners?.size ? survey.owners : undefined, locked?.routes);
		}),
	);
	return onEveryGateway(surveys);
}

/** The differences between Calico's records and the gateway's routes. */
function disagreements({ prefixes, missing, owners }: GatewaySurvey): readonly string[] {
	const unowned = owners?.size ? prefixes.filter(({ prefix }) => !owners.has(prefix.text)) : [];
	return [
		...few(missing.map(({ prefix, node }) => `block ${prefix.text} of ${node} has no route`)),
		...few(unowned.map(({ prefix }) => `the route to ${prefix.text} does not lead to a block that Calico knows`)),
	];
}

/** Prints every live route, and then the differences from the locked ones. */
function print(live: readonly PodRoute[], differences: readonly string[]): void {
	const added = new Set(differences.filter((line) => line.startsWith("+ ")));
	const lines = live.map(({ prefix, node }) => `${prefix.text} of ${node}`).filter((line) => !added.has(`+ ${line}`));
	for (const line of lines) process.stdout.write(`  ${line}\n`);
	const { green, red } = coloursFor(process.stdout);
	for (const line of differences) process.stdout.write(`${line.startsWith("+") ? green(line) : red(line)}\n`);
}

start(program);
