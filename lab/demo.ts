/**
 * `npm run demo`: the main job on the lab. Builds or reuses what it needs, boots the site, runs `pulumi preview` and `pulumi up`
 * on the stack `lab`, and shows from each physical server what it reaches now.
 */
import { Command } from "commander";
import pc from "picocolors";
import { checkServer } from "./checks.ts";
import { resolveEngine } from "./engine/engine.ts";
import { gatewayOption } from "./gatewayOption.ts";
import { type GatewayKind, up } from "./lifecycle.ts";
import { progress } from "./progress.ts";
import { labPulumi, timedUp } from "./pulumi.ts";
import { site } from "./site.ts";
import { labSettings, writeStack } from "./stack.ts";
import { timelineTable } from "./timeline.ts";

new Command("demo")
	.description(
		"Makes a real cluster's pods, Services and names reachable from physical servers of six kinds, on one machine.",
	)
	.addOption(gatewayOption())
	.action(({ gateway }: { gateway: GatewayKind }) => demo(gateway))
	.parseAsync()
	.catch((error: unknown) => {
		process.stderr.write(`${pc.red("error:")} ${error instanceof Error ? error.message : String(error)}\n`);
		process.exitCode = 1;
	});

async function demo(gateway: GatewayKind): Promise<void> {
	const report = progress();
	const engine = await report.shown("The Pulumi engine", () => resolveEngine(report.note));
	report.note(`engine: ${engine.describe}`);
	await up(report, gateway);
	await writeStack(await labSettings(gateway));
	const pulumi = await labPulumi(engine);
	const shown = { inherit: true, env: { FORCE_COLOR: process.stdout.isTTY ? "1" : "0" } };
	await report.shown("pulumi preview", () => pulumi.run(["preview", "--diff"], shown));
	const phases = await report.shown("pulumi up", () => timedUp(pulumi, shown));

	let failures = 0;
	for (const { name, kind } of site.servers) {
		process.stdout.write(`\n${pc.bold(name)} ${pc.dim(`(${kind})`)}\n`);
		for (const check of await checkServer(name)) {
			failures += check.ok ? 0 : 1;
			process.stdout.write(`  ${check.ok ? pc.green("ok") : pc.red("FAILED")}  ${check.what}  ${pc.dim(check.seen)}\n`);
		}
	}
	process.stdout.write(`\n${pc.bold("Time taken")}\n`);
	for (const { title, seconds } of report.timings) {
		process.stdout.write(`  ${seconds.toFixed(1).padStart(7)} s  ${title}\n`);
	}
	if (phases.length > 0) {
		const colours = process.stdout.isTTY === true && pc.isColorSupported;
		process.stdout.write(`\n${pc.bold("What pulumi up took it for")}\n${timelineTable(phases, { colours })}\n`);
	}
	if (failures > 0) {
		throw new Error(
			`${failures} checks failed; look at a server with: npm run lab -- exec NAME -- pod-gateway-host status`,
		);
	}
	process.stdout.write(`\nThe site stays up. Look around: npm run lab -- exec ${site.servers[0]?.name} -- getent hosts kubernetes.default.svc.${site.clusterDomain}
Take the routes back: npm run lab -- pulumi destroy --yes    Take the site down: npm run lab -- down\n`);
}
