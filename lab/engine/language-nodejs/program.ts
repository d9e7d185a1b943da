import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import type languageMessages from "@pulumi/pulumi/proto/language_pb.js";
import { parseOptions } from "./options.ts";

/** With this exit status a program says that it has already told the person what is wrong. */
const toldAlready = 32;

/** How a program ended, as the engine expects it. Without error and bail it succeeded. */
export interface Ended {
	readonly error?: string;
	readonly bail?: boolean;
}

/** A run of a Pulumi program in a Node.js process of its own. */
export interface Run {
	readonly process: ChildProcess;
	readonly ended: Promise<Ended>;
}

/** Starts the program that the request names, with the request's settings. */
export function startProgram(request: languageMessages.RunRequest, engine: string): Run {
	const folder = request.getInfo()?.getProgramDirectory() ?? request.getPwd();
	const options = parseOptions(request.getInfo()?.getOptions()?.toJavaScript() ?? {});
	const runner = createRequire(join(folder, "package.json")).resolve("@pulumi/pulumi/cmd/run");
	const child = spawn("node", [...options.nodeargs, runner, ...runnerArgs(request, engine)], {
		env: {
			...process.env,
			PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
			PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
			...(options.typescript ? { PULUMI_NODEJS_TYPESCRIPT: "true" } : {}),
			...(options.tsconfig === undefined ? {} : { PULUMI_NODEJS_TSCONFIG_PATH: options.tsconfig }),
		},
		stdio: ["ignore", "inherit", "inherit"],
	});
	return { process: child, ended: endOf(child) };
}

/** The runner's command line, in the order of the official language host. */
export function runnerArgs(request: languageMessages.RunRequest, engine: string): string[] {
	const info = request.getInfo();
	const flags: readonly (readonly [string, string | undefined])[] = [
		["monitor", request.getMonitorAddress()],
		["engine", engine],
		["organization", request.getOrganization()],
		["project", request.getProject()],
		["root-directory", info?.getRootDirectory()],
		["stack", request.getStack()],
		["pwd", info?.getProgramDirectory() ?? request.getPwd()],
		["parallel", String(request.getParallel())],
	];
	return [
		...flags.flatMap(([name, value]) => (value ? [`--${name}`, value] : [])),
		...(request.getDryrun() ? ["--dry-run"] : []),
		info?.getEntryPoint() || ".",
		...request.getArgsList(),
	];
}

async function endOf(child: ChildProcess): Promise<Ended> {
	try {
		const [status, signal] = (await once(child, "close")) as [number | null, string | null];
		if (status === 0) return {};
		if (status === toldAlready) return { bail: true };
		if (signal !== null) return { error: `Program exited unexpectedly: signal ${signal}` };
		return { error: `Program exited with non-zero exit code: ${status}` };
	} catch (error) {
		return { error: `Problem executing program (could not run language executor): ${error}` };
	}
}
