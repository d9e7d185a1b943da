import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { answering, type ExampleSshd, exampleSshd } from "../../tests/fixtures/sshd.ts";
import { joinMachine, runScriptOrThrow } from "./machine.ts";

const TOKEN = "abcdef.0123456789abcdef";
const running: ExampleSshd[] = [];

beforeEach(() => void vi.stubEnv("SSH_AUTH_SOCK", ""));
afterEach(async () => {
	vi.unstubAllEnvs();
	for (const one of running.splice(0)) await one.stop();
});

async function machine(body: string) {
	const server = await exampleSshd({ answer: answering(body) });
	running.push(server);
	return server.target;
}

const failure = (action: Promise<unknown>) =>
	action.then(
		() => "",
		(error: Error) => error.message,
	);

describe("an error quotes kubeadm's output whole or cut in its middle, and never the token", () => {
	test.each([
		["fails", "exit 1", /^kubeadm join failed on 127\.0\.0\.1 \(exit code 1\):\n/],
		["breaks off", "kill -9 $$", /^join-node\.sh did not run to its end on 127\.0\.0\.1:\d+ \(exit code \d+\): /],
	])("if it %s", async (_, end, beginning) => {
		const target = await machine(
			`echo "couldn't validate the token ${TOKEN}" >&2; yes noise | head -n 20000 >&2; echo "error execution phase" >&2; ${end}`,
		);
		const message = await failure(joinMachine(target, "kind: JoinConfiguration\n", TOKEN));
		expect(message).toMatch(beginning);
		expect(message).toContain("couldn't validate the token [token]\n");
		expect(message).toMatch(/… \d+ characters are left out …\n/);
		expect(message).toMatch(/\nerror execution phase(\nKilled)?$/);
		expect(message).not.toContain(TOKEN);
	});

	test("if it does not end", async () => {
		const target = await machine(`echo "waiting, with ${TOKEN}" >&2; sleep 5`);
		const limits = { timeout: -299, secret: TOKEN };
		expect(await failure(runScriptOrThrow(target, "kubeadm join", "join-node.sh", limits))).toBe(
			"this did not end within 1 s: join-node.sh; its output until then: waiting, with [token]",
		);
	});
});
