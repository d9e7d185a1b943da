import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { type Answer, type ExampleSshd, exampleSshd, loginShell } from "../../tests/fixtures/sshd.ts";
import { runScript } from "./shell.ts";

const SHELLS = ["sh", "bash", "dash", "zsh", "csh", "tcsh", "fish", "ksh"];
const isThere = (shell: string) => spawnSync(shell, ["-c", "exit 0"], { stdio: "ignore" }).status === 0;

let server: ExampleSshd;
const folder = mkdtempSync(join(tmpdir(), "pod-gateway-shell-"));
afterEach(async () => await server.stop());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A script with everything that shells read in different ways. */
const hard = `it's "$HOME" \\ \\\\ \\n !x %s {a,b} ~ * ; & | < > # é`;
const script = {
	name: "example.sh",
	text: [
		"#!/bin/sh",
		"set -u",
		"trap 'echo left >&2' EXIT",
		"case $# in 2) ;; *) exit 9 ;; esac",
		`printf '%s\\n' "$1" "$2" 'it'\\''s \\\\ !y'`,
		"cat",
		"echo said >&2",
		"exit 3",
	].join("\n"),
};
const answer = { stdout: `${hard}\n\nit's \\\\ !y\nfirst\nlast`, stderr: "said\nleft\n", exitCode: 3 };

async function run(by: Answer) {
	server = await exampleSshd({ answer: by });
	return await runScript(server.target, script, { args: [hard, ""], input: "first\nlast", timeout: 20 });
}

describe("a script means the same under every login shell", () => {
	for (const shell of SHELLS) {
		test.skipIf(!isThere(shell))(shell, async () => {
			expect(await run(loginShell(shell))).toEqual(answer);
		});
	}
});

test("the script's standard error is reported line by line as it arrives, without the greeting", async () => {
	const lines: [line: string, seconds: number][] = [];
	const begin = Date.now();
	server = await exampleSshd({ answer: loginShell("/bin/sh") });
	const slow = { name: "slow.sh", text: "printf 'fir' >&2; echo st >&2; sleep 1; echo last >&2" };
	const report = (line: string) => void lines.push([line, (Date.now() - begin) / 1000]);
	await runScript(server.target, slow, { timeout: 20, report });
	expect(lines.map(([line]) => line)).toEqual(["first", "last"]);
	expect((lines[1]?.[1] ?? 0) - (lines[0]?.[1] ?? 0)).toBeGreaterThan(0.8);
});

test("output of a login shell before and after the script is not part of the answer", async () => {
	const greeting = join(folder, "greeting");
	writeFileSync(
		greeting,
		'#!/bin/sh\necho \'== Welcome ==\'; echo \'{"result":"restored"}\'; echo hello >&2\n/bin/sh "$@"\necho bye\n',
	);
	chmodSync(greeting, 0o755);
	expect(await run(loginShell(greeting))).toEqual(answer);
});

test.each<[string, string, RegExp]>([
	[
		"only greets",
		'echo \'{"result":"restored"}\'; echo "This account is not available." >&2',
		/^the login shell of root on 127\.0\.0\.1:\d+ did not run example\.sh \(exit code 0\): This account is not available\.$/,
	],
	[
		"is cut off early",
		`/bin/sh "$@" | sed '$d'; exit 0`,
		/^example\.sh did not run to its end on 127\.0\.0\.1:\d+ \(exit code 0\): said\nleft$/,
	],
])("a login shell that %s is an error, even with exit code 0", async (_, body, message) => {
	const shell = join(folder, "shell");
	writeFileSync(shell, `#!/bin/sh\n${body}\n`);
	chmodSync(shell, 0o755);
	await expect(run(loginShell(shell))).rejects.toThrow(message);
});

test("a machine without base64 is an error, and does not count as an empty script that succeeded", async () => {
	const bare = join(folder, "bare");
	spawnSync("mkdir", ["-p", bare]);
	spawnSync("ln", ["-sf", "/bin/sh", join(bare, "sh")]);
	await expect(run(loginShell("/bin/sh", { PATH: bare }))).rejects.toThrow(
		/did not run example\.sh .*base64: not found/,
	);
});
