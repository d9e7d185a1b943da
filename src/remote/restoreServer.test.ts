import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { answering, type ExampleSshd, exampleSshd, type SshdOptions } from "../../tests/fixtures/sshd.ts";
import { restoreServer } from "./restoreServer.ts";
import type { SshTarget } from "./sshTarget.ts";

const running: ExampleSshd[] = [];

beforeEach(() => void vi.stubEnv("SSH_AUTH_SOCK", ""));
afterEach(async () => {
	vi.unstubAllEnvs();
	for (const one of running.splice(0)) await one.stop();
});

async function sshd(options: SshdOptions = {}): Promise<SshTarget> {
	const server = await exampleSshd(options);
	running.push(server);
	return server.target;
}

/** A server that runs this script in place of the one that is sent. */
const answers = (body: string) => sshd({ answer: answering(body) });

async function restored(target: SshTarget): Promise<string[]> {
	const lines: string[] = [];
	await restoreServer(target, (line) => lines.push(line));
	return lines;
}

describe("a server that refuses the login stays in the state, unless POD_GATEWAY_FORGET lists it", () => {
	const refusing = { authentication: (context: import("ssh2").AuthContext) => context.reject(["publickey"]) };

	test.each<[string, () => Promise<SshTarget>]>([
		["whose key was changed", () => sshd(refusing)],
		["whose agent is missing", async () => ({ ...(await sshd()), privateKey: undefined })],
		[
			"behind a bastion that may not forward",
			async () => ({ ...(await sshd()), bastion: await sshd({ forward: "prohibit" }) }),
		],
		["behind a bastion that does not let us in", async () => ({ ...(await sshd()), bastion: await sshd(refusing) })],
		["that shows another host key", async () => ({ ...(await sshd()), hostKey: (await sshd()).hostKey })],
		[
			"whose sshd is down",
			async () => {
				const target = await sshd();
				await running.pop()?.stop();
				return target;
			},
		],
	])("%s", async (_, target) => {
		const server = await target();
		const address = `127.0.0.1:${server.port}`;
		const error = await restored(server).catch((reason: Error) => reason);
		expect(error).toBeInstanceOf(Error);
		expect((error as Error).message).toMatch(/^127\.0\.0\.1 was not restored and stays in the state: /);
		expect((error as Error).message).toContain(`POD_GATEWAY_FORGET=${address} before pulumi`);
		vi.stubEnv("POD_GATEWAY_FORGET", `10.0.0.1,${address}`);
		expect(await restored(server)).toEqual([
			expect.stringMatching(/^warning: 127\.0\.0\.1 was not restored: .*; when it is back, run there: /),
		]);
	});
});

test("a server that does not answer gives a warning", async () => {
	vi.resetModules();
	const { ConnectionError } = await import("./ssh.ts");
	vi.doMock("./shell.ts", () => ({
		runScript: () => Promise.reject(new ConnectionError("cannot connect to 10.200.0.31 as root: no answer")),
	}));
	const { restoreServer } = await import("./restoreServer.ts");
	const lines: string[] = [];
	const target = { host: "10.200.0.31", port: 22, user: "root", hostKey: "", connectTimeout: 1 };
	await restoreServer(target, (line) => lines.push(line)).catch((error: unknown) => lines.push(String(error)));
	vi.doUnmock("./shell.ts");
	expect(lines).toEqual([expect.stringContaining("10.200.0.31 was not restored: cannot connect")]);
});

describe("the last line tells the result", () => {
	test("the server's script gets the stack's name", async () => {
		const lines: string[] = [];
		const target = await answers(`[ "$1 $2" = "--stack it's" ] && echo '{"result":"restored"}'`);
		await restoreServer(target, (line) => lines.push(line), "it's");
		expect(lines).toEqual([]);
	});

	test("restored", async () => {
		expect(await restored(await answers(`echo said >&2; echo '{"result":"restored"}'`))).toEqual(["said"]);
	});

	test.each([
		["nothing", "exit 0"],
		["another result", `echo '{"result":"refused"}'`],
		["restored, and then more", `echo '{"result":"restored"}'; echo hello`],
	])("an exit code of 0 after %s is not enough", async (_, body) => {
		await expect(restored(await answers(body))).rejects.toThrow("did not confirm that it is restored");
	});

	test("an exit code of 1 is an error with the script's standard error, whatever it prints", async () => {
		const target = await answers(`echo '{"result":"restored"}'; echo 'no space' >&2; exit 1`);
		await expect(restored(target)).rejects.toThrow("restoring 127.0.0.1 failed (exit code 1):\nno space");
	});
});
