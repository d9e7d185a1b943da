/**
 * `npm run drift -- ENV`: compares every server with what the last deployment of the stack put there, read-only, by one connection
 * each. Exit code 0: all are in sync; 2: at least one is not; 1: it could not be told.
 */
import { Command } from "commander";
import { parseDryRun } from "../components/network/dryRun.ts";
import { HostKeyError, runRemote } from "../components/remote/ssh.ts";
import { coloursFor } from "./colours.ts";
import { type DeployedServer, deployedServers } from "./deployed.ts";
import { exportState, runPulumi } from "./pulumiCli.ts";

const HOST_SCRIPT = "/usr/local/sbin/pod-gateway-host";
/** How many servers are read at once. */
const AT_ONCE = 16;
/** Seconds a server may take to answer. */
const TIME_LIMIT = 60;

/** How a server is, compared with what was deployed there. */
interface Finding {
	readonly server: string;
	readonly state: "in sync" | "drift" | "unknown";
	/** What differs, or why nobody can tell; a line each. */
	readonly details: readonly string[];
	/** When everything was last seen as deployed, in UTC; only of a server that drifted, and where it knows. */
	readonly inForceAt?: string;
}

const program = new Command("npm run drift --")
	.description(
		"Compares every server with what the last deployment put there and changes nothing.\nExit code 0: in sync; 2: drift; 1: could not tell.",
	)
	.argument("<env>", "name of the stack, such as prod")
	.option("--json", "print the findings as JSON")
	.option("--repair", "put the drifted servers right through pulumi up, and look again")
	.action(async (stack: string, options: { json?: boolean; repair?: boolean }) => {
		const servers = deployedServers(await exportState(stack));
		let findings = await read(servers);
		const drifted = servers.filter(({ name }) =>
			findings.some(({ server, state }) => server === name && state === "drift"),
		);
		if (options.repair && drifted.length > 0) {
			process.stderr.write(`${text(findings)}\n`);
			// Nothing has changed in what is declared: replacing is what runs the transaction again.
			const targets = drifted.flatMap(({ urns }) => urns.map((urn) => `--target-replace=${urn}`));
			await runPulumi(["up", "--yes", "--skip-preview", "--stack", stack, ...targets]);
			findings = await read(servers);
		}
		process.stdout.write(options.json ? `${JSON.stringify(findings, null, "\t")}\n` : `${text(findings)}\n`);
		const states = new Set(findings.map(({ state }) => state));
		process.exitCode = states.has("drift") ? 2 : states.has("unknown") ? 1 : 0;
	});

async function read(servers: readonly DeployedServer[]): Promise<readonly Finding[]> {
	const findings = new Map<string, Finding>();
	const left = [...servers];
	const worker = async () => {
		for (let server = left.shift(); server; server = left.shift()) findings.set(server.name, await readOne(server));
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
	return servers.flatMap(({ name }) => findings.get(name) ?? []);
}

async function readOne({ name: server, target, desired }: DeployedServer): Promise<Finding> {
	const unknown = (why: string): Finding => ({ server, state: "unknown", details: [why] });
	const drift = (...details: string[]): Finding => ({ server, state: "drift", details });
	try {
		const command = `if [ ! -x ${HOST_SCRIPT} ]; then exit 127; fi; exec ${HOST_SCRIPT} apply --dry-run`;
		const { exitCode, stdout, stderr } = await runRemote(target, command, { input: desired, timeout: TIME_LIMIT });
		if (exitCode === 127) return drift(`${HOST_SCRIPT} is not there`);
		const dryRun = parseDryRun(stdout);
		if (!dryRun.ok) return unknown(stderr.trim() || dryRun.problems.join("; "));
		const { result, difference, inForceAt } = dryRun.value;
		if (result === "unchanged") return { server, state: "in sync", details: [] };
		const words = stderr.trim().split("\n");
		if (result === "busy") return unknown(words.join("; "));
		const found = drift(...(result === "refused" ? words : difference));
		return inForceAt ? { ...found, inForceAt: inForceAt.toISOString() } : found;
	} catch (error) {
		if (error instanceof HostKeyError) return drift(error.message);
		return unknown((error as Error).message);
	}
}

/** Findings for people: a line per server, then what is the matter with it. */
function text(findings: readonly Finding[]): string {
	const width = Math.max(0, ...findings.map(({ server }) => server.length));
	const pc = coloursFor(process.stdout);
	const colour = { "in sync": pc.green, drift: pc.red, unknown: pc.yellow };
	return findings
		.flatMap(({ server, state, details, inForceAt }) => [
			[server.padEnd(width), colour[state](state), ...(inForceAt ? [`in sync until ${inForceAt}`] : [])].join("  "),
			...details.map((line) => `    ${line}`),
		])
		.join("\n");
}

program.parseAsync().catch((error: unknown) => {
	process.stderr.write(
		`${coloursFor(process.stderr).red("error:")} ${error instanceof Error ? error.message : String(error)}\n`,
	);
	process.exitCode = 1;
});
