import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { execa, type Options } from "execa";
import { initOf } from "./hostProcess.ts";
import { machineNamed, namespaceOf } from "./machines.ts";
import { site } from "./site.ts";

/** How to run a command on a host of the site or on the operator's workstation. */
export interface ExecOptions {
	/** What the command reads from stdin. Default: nothing. */
	readonly input?: string | Buffer;
	/** A file descriptor of this process that becomes the command's stdin, instead of `input`. */
	readonly inputFile?: number;
	/** Seconds after which the command is ended, with exit code 124. Default: 120 on a host, 900 for the operator. */
	readonly timeoutSeconds?: number;
	/** Whether a failing command is an error. Default: true. */
	readonly check?: boolean;
	/** Variables to set. A host has them beside a clean environment, the operator beside this process's own. */
	readonly env?: Readonly<Record<string, string>>;
	/** Folder to run in. Default: `/` on a host, the current folder for the operator. */
	readonly cwd?: string;
	/** Whether the command uses this process's stdin, stdout and stderr; the result's texts are then empty. Default: false. */
	readonly inherit?: boolean;
}

/** What a command wrote, and its exit code. One newline at the end of each text is dropped. */
export interface ExecResult {
	readonly stdout: string;
	readonly stderr: string;
	readonly exitCode: number;
}

/**
 * Runs a command on a host as root, in all of the host's namespaces.
 * Throws an Error with command, exit code and stderr when it fails, unless `check` is false.
 */
export async function exec(name: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
	const init = initOf(machineNamed(name).name);
	if (init === undefined) throw new Error(`${name} is not up; «npm run lab -- up» boots it`);
	const enter = ["--target", `${init}`, "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd=/"];
	const environment = { HOME: "/root", LANG: "C.UTF-8", PATH: HOST_PATH, ...options.env };
	const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
	const clean = ["env", "--ignore-environment", `--chdir=${options.cwd ?? "/"}`, ...variables];
	return run(name, ["nsenter", ...enter, ...clean, ...limit(120, options)], argv, { ...options, cwd: "/", env: {} });
}

/** Writes a file and its folders on a host, and replaces what was there. `mode` is octal text, by default "644". */
export async function writeFile(name: string, path: string, content: string | Buffer, mode = "644"): Promise<void> {
	await exec(name, [...RECEIVE, path, mode], { input: content });
}

/** Copies a file of this machine to a host, as {@link writeFile} does. */
export async function copyIn(name: string, localPath: string, path: string, mode = "644"): Promise<void> {
	const file = await open(localPath);
	try {
		await exec(name, [...RECEIVE, path, mode], { inputFile: file.fd });
	} finally {
		await file.close();
	}
}

/** Runs a command on the operator's workstation: it sees this machine's files, but reaches only the site's network. */
export async function inOperator(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
	const namespace = `/run/netns/${namespaceOf(site.operator.name)}`;
	if (!existsSync(namespace)) throw new Error("the site is not up; «npm run lab -- up» boots it");
	const enter = ["nsenter", `--net=${namespace}`];
	return run(site.operator.name, [...enter, ...limit(900, options)], argv, options);
}

const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Writes stdin to a file; its path and mode follow. The file appears complete or not at all. */
const RECEIVE = [
	"sh",
	"-euc",
	'mkdir -p "$(dirname "$1")"; cat >"$1.new"; chmod "$2" "$1.new"; mv -fT "$1.new" "$1"',
	"sh",
];

/** timeout(1) runs on the host, so that it ends the command itself and not only the way to it. */
function limit(defaultSeconds: number, { timeoutSeconds = defaultSeconds, inherit = false }: ExecOptions): string[] {
	return ["timeout", ...(inherit ? ["--foreground"] : []), "--kill-after=2", `${timeoutSeconds}`];
}

async function run(where: string, by: string[], argv: readonly string[], options: ExecOptions): Promise<ExecResult> {
	const { input, inputFile, check = true, inherit = false, cwd, env = {} } = options;
	const [file = "", ...rest] = [...by, ...argv];
	const stdin = inputFile ?? (inherit ? "inherit" : "ignore");
	const output = inherit ? "inherit" : "pipe";
	const settings: Options = { env, stdout: output, stderr: output, reject: false };
	Object.assign(settings, input === undefined ? { stdin } : { input }, cwd === undefined ? {} : { cwd });
	const result = await execa(file, rest, settings);
	const [stdout, stderr] = [`${result.stdout ?? ""}`, `${result.stderr ?? ""}`];
	const { exitCode = 255 } = result;
	if (check && exitCode !== 0) {
		const why = exitCode === 124 ? "took too long" : `failed with exit code ${exitCode}`;
		throw new Error(`${where}: ${argv.join(" ")}: ${why}${stderr || stdout ? `\n${stderr || stdout}` : ""}`);
	}
	return { stdout, stderr, exitCode };
}
