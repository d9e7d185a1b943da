import { randomBytes } from "node:crypto";
import type { ReportLine } from "../core/values/reportLine.ts";
import { words as shown } from "../core/values/words.ts";
import { type HostScript, shellWord } from "./hostScript.ts";
import { place, type RemoteResult, runRemote } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** A script of `host`, and how it is run. */
export interface ScriptRun {
	readonly args?: readonly string[];
	/** Its standard input. */
	readonly input?: string;
	/** Seconds for the script, not for the connection. */
	readonly timeout: number;
	/** Takes each line of its standard error as it comes. */
	readonly report?: ReportLine;
}

/** The part of a script's file that running it takes. */
export type Script = Pick<HostScript, "name" | "text">;

/** Only finds out whether we are let in. */
export const NOTHING: Script = { name: "true", text: "true" };

/** Runs a script on another machine. */
export type Run = typeof runScript;

/**
 * What the login shell is given: words that mean the same to sh, bash, zsh, csh and fish. The script itself is the first line of
 * standard input, as these shells agree on no way to quote so much text; what follows is the script's own standard input.
 */
const COMMAND = `exec /bin/sh -c 'IFS= read -r s; eval "$(echo "$s" | base64 -d)"'`;

/**
 * Runs a script on another machine, whatever its user's login shell is. The answer is what stands between two lines that cannot be
 * guessed: what a greeting prints before is no part of it, and an answer without its end is none.
 *
 * @throws as {@link runRemote}; and Error when the script was not run or not to its end.
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
	const [, begun] = parted(stdout, `${mark}\n`);
	const [, words = stderr] = parted(stderr, `${mark}\n`);
	const said = words.trim() === "" ? "" : `: ${shown(words)}`;
	if (begun === undefined) {
		const shell = `the login shell of ${target.user} on ${place(target)}`;
		throw new Error(`${shell} did not run ${script.name} (exit code ${exitCode})${said}`);
	}
	const [answer, end] = parted(begun, `\n${mark} `);
	const code = /^(\d+)\n/.exec(end ?? "")?.[1];
	if (code === undefined) {
		throw new Error(`${script.name} did not come to its end on ${place(target)} (exit code ${exitCode})${said}`);
	}
	return { stdout: answer, stderr: words, exitCode: Number(code) };
}

/** Takes text in pieces, and reports every whole line that comes after the one that is the mark. */
function linesAfter(mark: string, report: ReportLine): (text: string) => void {
	let [begun, rest] = [false, ""];
	return (text) => {
		const lines = (rest + text).split("\n");
		rest = lines.pop() ?? "";
		for (const line of lines) {
			if (begun) report(line);
			// What stands before the mark without a line's end is a greeting's, too.
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

/** What stands before and after the first occurrence; the second is undefined where there is none. */
function parted(text: string, by: string): readonly [string, string | undefined] {
	const at = text.indexOf(by);
	return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + by.length)];
}
