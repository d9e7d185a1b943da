/**
 * `npm run drift -- ENV`: compares every server with what the last deployment of the stack put there, read-only, by one connection
 * each. Exit code 0: all are in sync; 2: at least one is not; 1: it could not be told.
 */
import { Command } from "commander";
import { reportToTerminal } from "../src/messages/report.ts";
import { deployedServers } from "../src/stack/deployed.ts";
import { exportState, runPulumi } from "../src/stack/pulumi.ts";
import { coloursFor } from "./colours.ts";
import { compareServers, type Finding } from "./findings.ts";
import { reportError, start } from "./start.ts";

const program = new Command("npm run drift --")
	.description(
		"Compares every server with what the last deployment put there and changes nothing.\nExit code 0: in sync; 2: drift; 1: could not tell.",
	)
	.argument("<env>", "name of the stack, such as prod")
	.option("--json", "print the findings as JSON")
	.option("--repair", "put the drifted servers right through pulumi up, and look again")
	.action(async (stack: string, options: { json?: boolean; repair?: boolean }) => {
		reportToTerminal(`reading the state of ${stack}`);
		const servers = deployedServers(await exportState(stack));
		reportToTerminal(`looking at ${servers.length} servers`);
		let found = await compareServers(servers);
		let repaired = true;
		const repairable = servers.filter(({ name }) =>
			found.some(({ server, state, otherHostKey }) => server === name && state === "drift" && !otherHostKey),
		);
		if (options.repair && repairable.length > 0) {
			process.stderr.write(`${text(found)}\n`);
			// Nothing has changed in what is declared: replacing is what runs the transaction again.
			const targets = repairable.map(({ urn }) => `--target-replace=${urn}`);
			// A server that refuses is no reason to leave the others as they are.
			const flags = ["--yes", "--skip-preview", "--continue-on-error", "--stack", stack];
			repaired = await runPulumi(["up", ...flags, ...targets]);
			if (!repaired) reportError("pulumi up failed: see above; this is how the servers are now");
			found = await compareServers(servers);
		}
		process.stdout.write(options.json ? `${JSON.stringify(found, null, "\t")}\n` : `${text(found)}\n`);
		const states = new Set(found.map(({ state }) => state));
		process.exitCode = states.has("drift") ? 2 : states.has("unknown") || !repaired ? 1 : 0;
	});

/** Findings for people: a line per server, then what is the matter with it. */
function text(found: readonly Finding[]): string {
	const width = Math.max(0, ...found.map(({ server }) => server.length));
	const pc = coloursFor(process.stdout);
	const colour = { "in sync": pc.green, drift: pc.red, unknown: pc.yellow };
	return found
		.flatMap(({ server, state, details, inForceAt, record }) => {
			const deployed = record && state !== "in sync" ? [`deployed ${record.at} by ${record.by}`] : [];
			const since = inForceAt ? [`in sync until ${inForceAt}`] : [];
			return [
				[server.padEnd(width), colour[state](state), ...deployed, ...since].join("  "),
				...details.map((line) => `    ${line}`),
			];
		})
		.join("\n");
}

start(program);
