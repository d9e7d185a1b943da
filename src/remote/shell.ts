import { randomBytes } from "node:crypto";
import type { ReportLine } from "../core/values/reportLine.ts";
import { words } from "../core/values/words.ts";
import { type HostScript, shellWord } from "./hostScript.ts";
import { hostAndPort, type RemoteResult, runRemote } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** How to run a script of `host/`. */
export interface ScriptRun {
	readonly args?: readonly string[];
	/** Its standard input. */
	readonly input?: string;
	/** Seconds for the script, without the connection. */
	readonly timeout: number;
	/** Called with each line of its standard error as it arrives. Default: none. */
	readonly report?: ReportLine;
}

/** A script's name, for errors, and its text. */
export type Script = Pick<HostScript, "name" | "text">;

/** A script that does nothing, to find out whether a login works. */
export const NOTHING: Script = { name: "true", text: "true" };

/** Runs a script on another machine. */
export type Run = typeof runScript;

/**
 * The command for the login shell, which means the same to sh, bash, zsh, csh and fish. These shells do not share a way to
 * quote a long text, so the script is the first line of standard input, and the rest is the script's own standard input.
 */
const COMMAND = `exec /bin/sh -c 'IFS= read -r s; eval "$(echo "$s" | base64 -d)"'`;

/**
 * Runs a script on another machine, under any login shell. The answer is the output between two random marks. So a greeting
 * before it is not part of the answer, and an answer without its end is an error.
 *
 * @throws as {@link runRemote}, and Error if the script was not run, or not to its end.
 */
export async function runScript(
	target: SshTarget,
	script: Script,
	{ args = [], input = "", timeout, report }: ScriptRun,
): Promise<RemoteResult> {
	const mark = `pod-gateway-${randomBytes(8).toString("hex")}`;
	const program = framed(script.text, args, mark);
	const { stdout, stderr, exitCode } = await runRemote(target, `${COMMAND} ${script.name}`, {
		input: `${Buffer.from(program).toString("base64")}\n${input}`,
		timeout,
		name: [script.name, ...args].join(" "),
		...(report && { onStderr: linesAfter(mark, report) }),
		mark,
	});
	const [, begun] = cut(stdout, `${mark}\n`);
	const [, complaints = stderr] = cut(stderr, `${mark}\n`);
	const said = complaints.trim() === "" ? "" : `: ${words(complaints)}`;
	if (begun === undefined) {
		const shell = `the login shell of ${target.user} on ${hostAndPort(target)}`;
		throw new Error(`${shell} did not run ${script.name} (exit code ${exitCode})${said}`);
	}
	const [answer, end] = cut(begun, `\n${mark} `);
	const code = /^(\d+)\n/.exec(end ?? "")?.[1];
	if (code === undefined) {
		throw new Error(`${script.name} did not run to its end on ${hostAndPort(target)} (exit code ${exitCode})${said}`);
	}
	return { stdout: answer, stderr: complaints, exitCode: Number(code) };
}

/** Returns a function that takes pieces of text, and reports every whole line after the line with the mark. */
function linesAfter(mark: string, report: ReportLine): (text: string) => void {
	let [begun, rest] = [false, ""];
	return (text) => {
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) {
			if (begun) report(line);
			// A greeting may end without a line end, so the mark may have text before it.
			else begun = line.endsWith(mark);
		}
	};
}

function framed(text: string, args: readonly string[], mark: string): string {
	return [
		`echo ${mark}; echo ${mark} >&2`,
		`(set -- ${args.map(shellWord).join(" ")}`,
		text,
		")",
		`printf '\\n%s %s\\n' ${mark} $?`,
		"",
	].join("\n");
}

/** The texts before and after the first separator; the whole text and undefined if there is none. */
function cut(text: string, by: string): readonly [string, string | undefined] {
	const at = text.indexOf(by);
	return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + by.length)];
}
