/**
 * `npm run drift -- ENV`: compares every server with the stack's last deployment, over one read-only connection each. Exit code
 * 0: all are in sync; 2: at least one is not; 1: this could not be found out.
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
		"Compares every server with the last deployment, and changes nothing.\nExit code 0: in sync; 2: drift; 1: could not tell.",
	)
	.argument("<env>", "name of the stack, such as prod")
	.option("--json", "print the findings as JSON")
	.option("--repair", "repair drifted servers with pulumi up, and compare again")
	.action(async (stack: string, options: { json?: boolean; repair?: boolean }) => {
		reportToTerminal(`reading the state of ${stack}`);
		const servers = deployedServers(await exportState(stack));
		reportToTerminal(`comparing ${servers.length} servers`);
		let found = await compareServers(servers);
		let repaired = true;
		const repairable = servers.filter(({ name }) =>
			found.some(({ server, state, otherHostKey }) => server === name && state === "drift" && !otherHostKey),
		);
		if (options.repair && repairable.length > 0) {
			process.stderr.write(`${text(found)}\n`);
			// The desired state has not changed, so only a replacement runs the transaction again.
			const targets = repairable.map(({ urn }) => `--target-replace=${urn}`);
			// A server that refuses must not stop the repair of the others.
			const flags = ["--yes", "--skip-preview", "--continue-on-error", "--stack", stack];
			repaired = await runPulumi(["up", ...flags, ...targets]);
			if (!repaired) reportError("pulumi up failed, see above; the servers are now as follows");
			found = await compareServers(servers);
		}
		process.stdout.write(options.json ? `${JSON.stringify(found, null, "\t")}\n` : `${text(found)}\n`);
		const states = new Set(found.map(({ state }) => state));
		process.exitCode = states.has("drift") ? 2 : states.has("unknown") || !repaired ? 1 : 0;
	});

/** Findings as text: a line per server, then its details. */
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
