/**
 * `npm run demo`: shows on the lab what this program is for. Builds or reuses what it needs, boots the site, runs `pulumi preview` and
 * `pulumi up` on the stack `lab`, and shows what each physical server reaches now. Then it changes the cluster and tampers with a
 * server, and runs the review, the drift with its repair, and the report.
 */

import { Command } from "commander";
import pc from "picocolors";
import { messageOf } from "../src/core/values/messageOf.ts";
import { checkServer } from "./checks.ts";
import { addBlock, removeBlock } from "./cluster/cluster.ts";
import { resolveEngine } from "./engine/engine.ts";
import { gatewayOption } from "./gatewayOption.ts";
import { exec } from "./host.ts";
import { type GatewayKind, up } from "./lifecycle.ts";
import { progress, type Report } from "./progress.ts";
import { type LabPulumi, labPulumi, timedUp } from "./pulumi.ts";
import { STOP_REPAIRS } from "./servers.ts";
import { site, stackName } from "./site.ts";
import { labSettings, writeStack } from "./stack.ts";
import { timelineTable } from "./timeline.ts";

/** The block that a worker gets after everything is deployed. The next demo removes it first. */
const newBlock = { node: "ku13-1", prefix: "192.244.191.0/26" };

new Command("npm run demo --")
	.description(
		"Makes a real cluster's pods, Services and names reachable from physical servers of six kinds, on one machine. The site stays up.\nExit code 0: every server reaches everything; 1: one does not, or something failed.",
	)
	.showHelpAfterError("(--help shows the options)")
	.addOption(gatewayOption())
	.action(({ gateway }: { gateway: GatewayKind }) => demo(gateway))
	.parseAsync()
	.catch((error: unknown) => {
		process.stderr.write(`${pc.red("error:")} ${messageOf(error)}\n`);
		process.exitCode = 1;
	});

async function demo(gateway: GatewayKind): Promise<void> {
	const report = progress();
	const engine = await report.shown("The Pulumi engine", () => resolveEngine(report.note));
	report.note(`engine: ${engine.describe}`);
	await up(report, gateway);
	await removeBlock(newBlock.node, newBlock.prefix);
	await writeStack(await labSettings(gateway));
	const pulumi = await labPulumi(engine);
	const shown = { inherit: true, env: { FORCE_COLOR: process.stdout.isTTY ? "1" : "0" } };
	await report.shown("pulumi preview", () => pulumi.run(["preview"], shown));
	const phases = await report.shown("pulumi up", () => timedUp(pulumi, shown));

	let failures = 0;
	for (const { name, kind } of site.servers) {
		process.stdout.write(`\n${pc.bold(name)} ${pc.dim(`(${kind})`)}\n`);
		for (const check of await checkServer(name)) {
			failures += check.ok ? 0 : 1;
			process.stdout.write(`  ${check.ok ? pc.green("ok") : pc.red("FAILED")}  ${check.what}  ${pc.dim(check.seen)}\n`);
		}
	}
	await afterwards(report, pulumi);
	process.stdout.write(`\n${pc.bold("Time taken")}\n`);
	for (const { title, seconds } of report.timings) {
		process.stdout.write(`  ${seconds.toFixed(1).padStart(7)} s  ${title}\n`);
	}
	if (phases.length > 0) {
		const colours = process.stdout.isTTY === true && pc.isColorSupported;
		process.stdout.write(`\n${pc.bold("Where pulumi up spent its time")}\n${timelineTable(phases, { colours })}\n`);
	}
	if (failures > 0) {
		throw new Error(
			`${failures} checks failed; look at a server with: npm run lab -- exec NAME -- pod-gateway-host status`,
		);
	}
	process.stdout.write(`\nThe site stays up. Look around: npm run lab -- exec ${site.servers[0]?.name} -- getent hosts kubernetes.default.svc.${site.clusterDomain}
Remove the routes: npm run lab -- pulumi destroy --yes    Take the site down: npm run lab -- down\n`);
}

/** What happens in the days after: the cluster grows, somebody tampers with a server, somebody wants a report. */
async function afterwards(report: Report, pulumi: LabPulumi): Promise<void> {
	const run = async (title: string, tool: string, expected: number, ...options: string[]) => {
		const words = [`npm run ${tool} --`, stackName, ...options].join(" ");
		const { exitCode } = await report.shown(`${title}: ${words}`, () => pulumi.tool(tool, options, { inherit: true }));
		if (exitCode !== expected) throw new Error(`${words}: exit code ${exitCode} instead of ${expected}`);
	};
	const { node, prefix } = newBlock;
	await addBlock(node, prefix);
	await run(`${node} got the pod block ${prefix}`, "review", 2);
	await report.shown("pulumi up brings it to every server", () =>
		pulumi.run(["up", "--yes", "--skip-preview", "--suppress-outputs"], { inherit: true }),
	);
	const server = site.servers[0]?.name ?? "";
	// The server's timer would put the route back within 15 s, before anybody saw that it was gone.
	const tamper = `${STOP_REPAIRS}; ip route del ${prefix}`;
	await exec(server, ["sh", "-c", tamper]);
	await run(`${server} was tampered with`, "drift", 0, "--repair");
	await run("The report", "report", 0);
}
