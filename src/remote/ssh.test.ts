import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ServerChannel } from "ssh2";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ExampleSshd, exampleSshd, loginShell, type SshdOptions } from "../../tests/fixtures/sshd.ts";
import { AT_ONCE } from "./bastionSlots.ts";
import { ConnectionError, HostKeyError, runRemote } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

const running: { stop(): unknown }[] = [];

beforeEach(() => void vi.stubEnv("SSH_AUTH_SOCK", ""));
afterEach(async () => {
	vi.unstubAllEnvs();
	for (const one of running.splice(0)) await one.stop();
});

async function sshd(options: SshdOptions = {}): Promise<ExampleSshd> {
	const server = await exampleSshd(options);
	running.push(server);
	return server;
}

/** A TCP server that handles each connection like this. */
async function listener(serve: (socket: Socket) => void): Promise<number> {
	const sockets: Socket[] = [];
	const server = createServer((socket) => {
		sockets.push(socket.on("error", () => {}));
		serve(socket);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	running.push({
		stop: () => {
			for (const socket of sockets) socket.destroy();
			return new Promise((resolve) => server.close(resolve));
		},
	});
	return (server.address() as { port: number }).port;
}

async function failureOf(target: SshTarget): Promise<ConnectionError> {
	const error = await runRemote(target, "true", { timeout: 5 }).catch((reason: unknown) => reason);
	if (!(error instanceof ConnectionError)) throw new Error(`expected no connection, got ${error}`);
	return error;
}

test("a private key in a file is read only when it is used", async () => {
	const folder = mkdtempSync(join(tmpdir(), "pod-gateway-ssh-"));
	running.push({ stop: () => rmSync(folder, { recursive: true }) });
	const { target } = await sshd();
	const file = join(folder, "key");
	const byFile: SshTarget = { ...target, privateKey: { file } };
	expect(await failureOf(byFile)).toMatchObject({
		kind: "obstacle",
		message: expect.stringContaining(`the private key ${file} cannot be read (ENOENT)`),
	});
	writeFileSync(file, target.privateKey as string);
	expect(await runRemote(byFile, "true", { timeout: 5 })).toMatchObject({ exitCode: 0 });
});

describe("how an attempt to connect fails", () => {
	test("a key that is not accepted is a refusal", async () => {
		const { target } = await sshd({ authentication: (context) => context.reject(["publickey"]) });
		expect(await failureOf(target)).toMatchObject({
			kind: "refusal",
			message: expect.stringContaining("authentication"),
		});
	});

	test("a closed port is a refusal, because the machine is up", async () => {
		const { target } = await sshd();
		const port = await listener(() => {});
		await running.pop()?.stop();
		expect(await failureOf({ ...target, port })).toMatchObject({ kind: "refusal" });
	});

	test("a missing agent is an obstacle, and the error names it", async () => {
		const { target } = await sshd();
		expect(await failureOf({ ...target, privateKey: undefined })).toMatchObject({
			kind: "obstacle",
			message: expect.stringContaining("SSH_AUTH_SOCK is not set"),
		});
	});

	test("another host key has an error class of its own", async () => {
		const [one, other] = [await sshd(), await sshd()];
		const error = await failureOf({ ...one.target, hostKey: other.target.hostKey });
		expect(error).toBeInstanceOf(HostKeyError);
		expect(error.kind).toBe("refusal");
	});

	test("a machine that accepts the connection and does not send is a refusal, not silence", async () => {
		const { target } = await sshd();
		const port = await listener(() => {});
		expect(await failureOf({ ...target, port, connectTimeout: 0.2 })).toMatchObject({ kind: "refusal" });
	});

	test("an answer that a busy computer did not notice is not silence: the connection is tried again", async () => {
		const { target } = await sshd();
		const found = runRemote({ ...target, connectTimeout: 1 }, "true", { timeout: 5 });
		setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500));
		expect(await found).toMatchObject({ exitCode: 0 });
	});

	test("a bastion that may not forward is an obstacle", async () => {
		const [bastion, { target }] = [await sshd({ forward: "prohibit" }), await sshd()];
		expect(await failureOf({ ...target, bastion: bastion.target })).toMatchObject({ kind: "obstacle" });
	});

	test.each<[string, Partial<SshTarget>]>([
		["shows another host key", { hostKey: "other" }],
		["does not run sshd", { port: 1 }],
		["has an unknown name", { host: "bastion.invalid" }],
	])("a bastion that %s is an obstacle, and tells nothing about the machine behind it", async (_, change) => {
		const [bastion, { target }, other] = [await sshd(), await sshd(), await sshd()];
		const changed = change.hostKey === undefined ? change : { hostKey: other.target.hostKey };
		const error = await failureOf({ ...target, bastion: { ...bastion.target, ...changed } });
		expect(error).toMatchObject({ kind: "obstacle", message: expect.stringContaining("is reached through") });
		expect(error).not.toBeInstanceOf(HostKeyError);
	});
});

test("a connection that is cut is tried again until it succeeds", async () => {
	let connections = 0;
	const { target } = await sshd();
	const port = await listener((socket) => {
		if (++connections < 3) {
			// sshd sends a reason since 9.8; older versions send nothing.
			socket.end(connections === 1 ? "Exceeded MaxStartups\r\n" : "SSH-2.0-gone\r\n");
			return;
		}
		const onward = connect(target.port, "127.0.0.1").on("error", () => {});
		socket.pipe(onward).pipe(socket);
	});
	expect(await runRemote({ ...target, port }, "true", { timeout: 5 })).toMatchObject({ exitCode: 0 });
	expect(connections).toBe(3);
});

test("100 servers behind a bastion with a limit are all reached, a few at a time", async () => {
	const server = await sshd({ answer: loginShell("/bin/sh") });
	// A lower limit than the program's own, so that some are cut, as if other users connected, too. sshd's 10:30:100 would not
	// cut any.
	const bastion = await sshd({ maxStartups: [5, 30, 100], dropFirst: 8 });
	const target = { ...server.target, bastion: bastion.target };
	const answers = await Promise.all(
		Array.from({ length: 100 }, () => runRemote(target, "echo here", { timeout: 20 }).then(({ stdout }) => stdout)),
	);
	expect(answers).toEqual(Array.from({ length: 100 }, () => "here\n"));
	expect(bastion.most()).toBeLessThanOrEqual(AT_ONCE);
	expect(bastion.dropped()).toBeGreaterThanOrEqual(8);
}, 60_000);

test("a command that prints without end is given up, and its connection closed", async () => {
	const endless = (_: string, channel: ServerChannel) => {
		const chunk = Buffer.alloc(256 * 1024, "0123456789abcdef");
		const more = () => {
			while (channel.write(chunk));
			channel.once("drain", more);
		};
		more();
	};
	const { target } = await sshd({ answer: endless });
	await expect(runRemote(target, "cat /dev/zero", { timeout: 60 })).rejects.toThrow(
		"this printed more than 64 MiB: cat /dev/zero",
	);
}, 60_000);

describe("an error quotes the output of a command until", () => {
	const saying = (then: (channel: ServerChannel) => void) =>
		sshd({
			answer: (_, channel) => {
				channel.stderr.write(`E: first\u001b[31m\u0000\n${"noise\n".repeat(50_000)}E: last\n`, () =>
					setTimeout(() => then(channel), 200),
				);
			},
		});
	const said = /; its output until then: E: first\nnoise\n(?:.*\n)*… \d+ characters are left out …\n(?:.*\n)*E: last$/;

	test("it exceeds its time", async () => {
		const { target } = await saying(() => {});
		const error = await runRemote(target, "apt-get install x", { timeout: 1 }).catch((reason: Error) => reason);
		expect((error as Error).message).toMatch(
			new RegExp(`^this did not end within 1 s: apt-get install x${said.source}`),
		);
	});

	test("its connection is cut", async () => {
		const { target } = await saying((channel) => channel.close());
		const error = await runRemote(target, "x", { timeout: 20 }).catch((reason: Error) => reason);
		expect((error as Error).message).toMatch(new RegExp(`^the connection was cut while this ran: x${said.source}`));
	});
});

test("a command that has exited is not waited for, even if a child process keeps its output open", async () => {
	const { target } = await sshd({
		answer: (_, channel) => {
			channel.write("done\n");
			channel.exit(3);
		},
	});
	const before = Date.now();
	const result = await runRemote(target, "service x start", { timeout: 600 });
	expect(result).toMatchObject({ stdout: "done\n", exitCode: 3 });
	expect(Date.now() - before).toBeLessThan(60_000);
}, 70_000);
