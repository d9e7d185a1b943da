import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Answer, type ExampleSshd, exampleSshd, loginShell } from "../../tests/fixtures/sshd.ts";
import type * as scripts from "./hostScript.ts";

let home: string;
let server: ExampleSshd;

beforeEach(() => {
	home = mkdtempSync(join(tmpdir(), "pod-gateway-apply-"));
});
afterEach(async () => {
	vi.doUnmock("./scripts.ts");
	vi.resetModules();
	await server.stop();
	rmSync(home, { recursive: true });
});

/** The login shell of a user with this home. @param before commands that it runs first. */
const atHome =
	(before: string): Answer =>
	(command, channel) =>
		loginShell("/bin/sh", process.env, home)(`${before}${command}`, channel);

/** Applies with this script in place of server-network.sh, which would change the machine that runs the tests. */
async function applied(text: string, desired: string, { before = "", lines = [] as string[] } = {}) {
	vi.resetModules();
	vi.doMock("./hostScript.ts", async (original) => {
		const own = await original<typeof scripts>();
		const hostScript = (name: string) =>
			name === "server-network.sh" ? { ...own.hostScript(name), text, version: "v" } : own.hostScript(name);
		return { ...own, hostScript };
	});
	const { applyToServer } = await import("./applyServer.ts");
	server = await exampleSshd({ answer: atHome(before) });
	const answer = await applyToServer({ ...server.target, user: "netops" }, desired, (line) => lines.push(line));
	return { answer, lines };
}

const uploaded = () => join(home, ".pod-gateway-host-v");

test("the script and the desired state arrive complete, to the last byte", async () => {
	// Longer than any buffer on the way, with characters of several bytes.
	const text = `echo "working as $1" >&2\ncat >desired\necho '{"result":"applied"}'\n# ${"é–".repeat(100_000)}\n`;
	const desired = "pod-gateway 1\nserver db-1 – é\n";
	const { answer, lines } = await applied(text, desired);
	expect(answer).toBe('{"result":"applied"}\n');
	expect(lines).toEqual(["working as apply"]);
	expect(readFileSync(uploaded(), "utf8")).toBe(text);
	expect(readFileSync(join(home, "desired"), "utf8")).toBe(desired);
	expect(readdirSync(home).sort()).toEqual([".pod-gateway-host-v", "desired"]);
});

test.each<[string, string, RegExp]>([
	["fails", `echo '{"result":"rolled-back"}'; exit 1`, /not in force \(rolled-back, exit code 1\); see above$/],
	["prints nothing", "true", /not in force \(no result, exit code 0\); see above$/],
	["prints another result", `echo '{"result":"refused"}'`, /not in force \(refused, exit code 0\); see above$/],
])("a script that %s did not succeed", async (_, text, message) => {
	await expect(applied(text, "")).rejects.toThrow(message);
});

test("a script that cannot be written is not run or left there, and the error gives the reason", async () => {
	const text = `touch ran; echo '{"result":"applied"}'\n# ${"x".repeat(100_000)}\n`;
	// Like a full disk: files may not be longer than 2 KiB (4 blocks of 512 bytes).
	const lines: string[] = [];
	await expect(applied(text, "", { before: "trap '' XFSZ; ulimit -f 4; ", lines })).rejects.toThrow("not in force");
	expect(lines).toEqual([
		expect.stringMatching(
			/^refused, nothing was changed: the script did not get to \.pod-gateway-host-v: .*File too large/,
		),
	]);
	expect(readdirSync(home)).toEqual([]);
});
