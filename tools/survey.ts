/**
 * `npm run survey -- ENV`: reads the gateways' routes and compares them with what is locked in stacks/ENV.routes.json. Exit code
 * 0: the same; 2: they differ, unless --write made them the same; 1: it could not be told.
 */
import { existsSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { Command } from "commander";
import { readExpectedBlocks } from "../components/calicoBlocks.ts";
import { lockCommand, lockPath } from "../components/lock.ts";
import { type Lock, type LockedRoute, lockDifferences, parseLock, renderLock } from "../components/network/lockFile.ts";
import { poolWarnings } from "../components/network/pools.ts";
import { onEveryGateway, withNodes } from "../components/network/survey.ts";
import { type GatewaySurvey, readRoutes } from "../components/remote/readRoutes.ts";
import { coloursFor } from "./colours.ts";
import { type DeployedSite, deployedSite } from "./deployed.ts";
import { exportState } from "./pulumiCli.ts";

/** Seconds the routes may take to come to rest: nobody has just joined. */
const CONVERGE = 15;

const note = (line: string) => process.stderr.write(`${line}\n`);

const program = new Command("npm run survey --")
	.description(
		"Reads the gateways' routes and compares them with stacks/ENV.routes.json; changes nothing but that file.\nExit code 0: the same; 2: they differ; 1: could not tell.",
	)
	.argument("<env>", "name of the stack, such as prod")
	.option("--write", "bring the file up to date")
	.action(async (stack: string, { write }: { write?: boolean }) => {
		const site = deployedSite(await exportState(stack));
		const live: Lock = { cluster: site.cluster, routes: await surveyed(site) };
		const path = lockPath(stack);
		const shownPath = relative(process.cwd(), path);
		const locked = existsSync(path) ? await readFile(path, "utf8") : undefined;
		const wanted = renderLock(live);
		if (write) {
			if (locked !== wanted) {
				await writeFile(`${path}.new`, wanted);
				await rename(`${path}.new`, path);
			}
			print(live.routes, lockDifferences(locked === undefined ? [] : routesOf(locked, shownPath), live.routes));
			note(locked === wanted ? `${shownPath} was up to date` : `${shownPath} is written: commit it`);
			return;
		}
		if (locked === undefined) {
			print(live.routes, []);
			note(`there is no ${shownPath} yet; to make it: ${lockCommand(stack)}`);
			process.exitCode = 2;
			return;
		}
		print(live.routes, lockDifferences(routesOf(locked, shownPath), live.routes));
		if (locked === wanted) return;
		note(`${shownPath} is not as it is live (+ live, - locked); to bring it up to date: ${lockCommand(stack)}`);
		process.exitCode = 2;
	});

async function surveyed({ gateways, cluster }: DeployedSite): Promise<readonly LockedRoute[]> {
	const nodes = gateways.map(({ node }) => node);
	const surveys = await Promise.all(
		gateways.map(async (gateway) => {
			const expected = () => readExpectedBlocks(gateway.access, cluster.podRanges, nodes);
			const survey = await readRoutes(gateway.target, cluster.podRanges, CONVERGE, expected);
			for (const warning of warnings(survey))
				note(`${coloursFor(process.stderr).yellow("warning:")} ${gateway.name}: ${warning}`);
			return withNodes(survey.prefixes, survey.owners);
		}),
	);
	return onEveryGateway(surveys);
}

/** What Calico's records and the kernel's routes do not agree on, and what made no sense. */
function warnings({ prefixes, missing, unreadable, notes, owners, pools }: GatewaySurvey): readonly string[] {
	const unowned = owners.size === 0 ? [] : prefixes.filter(({ prefix }) => !owners.has(prefix.text));
	return [
		...notes,
		...poolWarnings(pools),
		...unreadable.map((problem) => `left out what is no route: ${problem}`),
		...missing.map(({ prefix, node }) => `block ${prefix.text} of ${node} has no route`),
		...unowned.map(({ prefix }) => `the route to ${prefix.text} is to no block that Calico knows`),
	];
}

function routesOf(text: string, path: string): readonly LockedRoute[] {
	const lock = parseLock(text);
	if (!lock.ok) throw new Error(`${path} cannot be read:\n${lock.problems.map((line) => `  ${line}`).join("\n")}`);
	return lock.value.routes;
}

/** Every live route, and what is new, other or gone. */
function print(live: readonly LockedRoute[], differences: readonly string[]): void {
	const added = new Set(differences.filter((line) => line.startsWith("+ ")));
	const lines = live.map(({ prefix, node }) => `${prefix.text} of ${node}`).filter((line) => !added.has(`+ ${line}`));
	for (const line of lines) process.stdout.write(`  ${line}\n`);
	const { green, red } = coloursFor(process.stdout);
	for (const line of differences) process.stdout.write(`${line.startsWith("+") ? green(line) : red(line)}\n`);
}

program.parseAsync().catch((error: unknown) => {
	note(`${coloursFor(process.stderr).red("error:")} ${error instanceof Error ? error.message : String(error)}`);
	process.exitCode = 1;
});
