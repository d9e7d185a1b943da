/** `npm run lab -- …`: the command line of the lab's site. */

import { Command } from "commander";
import pc from "picocolors";
import { messageOf } from "../src/core/values/messageOf.ts";
import { addBlock, removeBlock } from "./cluster/cluster.ts";
import { type Engine, resolveEngine } from "./engine/engine.ts";
import { gatewayOption } from "./gatewayOption.ts";
import { exec, inOperator, isUp } from "./host.ts";
import { down, type GatewayKind, up } from "./lifecycle.ts";
import { machines } from "./machines.ts";
import { progress } from "./progress.ts";
import { labPulumi } from "./pulumi.ts";
import { site } from "./site.ts";
import { status, statusTable } from "./status.ts";
import { domains, execVm } from "./vm/hypervisor.ts";

const lab = new Command("npm run lab --")
	.description(
		"A whole site on this machine: a Kubernetes cluster, the machine for its gateway, and physical servers of six kinds.",
	)
	.enablePositionalOptions()
	.showHelpAfterError();

lab
	.command("up")
	.description("boot the hosts that do not run yet, and build what is missing")
	.addOption(gatewayOption())
	.action(({ gateway }: { gateway: GatewayKind }) => up(progress(), gateway));

lab
	.command("status")
	.description("show every host and its state; exit code 1 unless all are up")
	.action(async () => {
		const hosts = await status();
		process.stdout.write(`${statusTable(hosts)}\n`);
		if (hosts.some(({ state }) => state === "down")) process.exitCode = 1;
	});

lab
	.command("exec")
	.description("run a command as root on a host, or on the operator's workstation; the exit code is the command's")
	.argument("<host>", `${site.operator.name}, ${machines.map(({ name }) => name).join(", ")}, or the name of a VM`)
	.argument("<command...>", "after --, the command and its arguments")
	.passThroughOptions()
	.action(async (host: string, words: string[]) => {
		const command = withoutDashes(words);
		const options = { inherit: true, check: false, timeoutSeconds: 0 };
		const terminal = { TERM: process.env["TERM"] ?? "dumb" };
		const run = async () => {
			if (host === site.operator.name) return inOperator(command, options);
			// A VM may have the same name as a machine that is down.
			if (!isUp(host) && (await domains()).has(host)) return execVm(host, command, options);
			return exec(host, command, { ...options, env: terminal });
		};
		process.exitCode = (await run()).exitCode;
	});

lab
	.command("pulumi")
	.description("run Pulumi on the stack `lab`, from the operator's workstation")
	.argument("<arguments...>", "such as: preview --diff")
	.passThroughOptions()
	.action(async (words: string[]) => {
		const pulumi = await labPulumi(await engine());
		const options = { inherit: true, check: false, timeoutSeconds: 0 };
		process.exitCode = (await pulumi.run(withoutDashes(words), options)).exitCode;
	});

lab
	.command("run")
	.description("run a command of this project on the operator's workstation, with the lab's Pulumi and its stack")
	.argument("<command...>", "after --, such as: npm run drift -- lab")
	.passThroughOptions()
	.action(async (words: string[]) => {
		const pulumi = await labPulumi(await engine());
		const options = { inherit: true, check: false, timeoutSeconds: 0 };
		process.exitCode = (await pulumi.beside(withoutDashes(words), options)).exitCode;
	});

const block = lab
	.command("block")
	.description("change a worker's pod blocks as Calico's address management would, as custom resources and in etcd");
for (const [verb, change] of [
	["add", addBlock],
	["remove", removeBlock],
] as const) {
	block
		.command(verb)
		.description(`${verb} a pod block; the gateway's routes follow within seconds`)
		.argument("<node>", site.workers.map(({ name }) => name).join(", "))
		.argument("<prefix>", "such as 192.244.191.0/26")
		.action(change);
}

lab
	.command("down")
	.description("remove this site and those of tests without a trace; what took long to build stays in the cache")
	.action(() => down(progress(), "machine"));

/** The site's engine. Only the demo says where an engine was not found. */
function engine(): Promise<Engine> {
	const { note } = progress();
	return resolveEngine((line) => void (line.includes(": no, ") || note(line)));
}

/** The words after `--`, which commander leaves in when an argument comes before it. */
function withoutDashes(words: string[]): string[] {
	return words[0] === "--" ? words.slice(1) : words;
}

try {
	await lab.parseAsync();
} catch (error) {
	process.stderr.write(`${pc.red("error:")} ${messageOf(error)}\n`);
	process.exitCode = 1;
}
