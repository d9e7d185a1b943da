import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findExecutable } from "./executables.ts";
import { isModuleEngineBuilt, moduleEngine } from "./module.ts";
import { type SshServer, startSshServer } from "./sshServer.fixture.ts";
import type { Engine } from "./tiers.ts";

const sshd = await findExecutable("sshd", ["/usr/sbin", "/usr/local/sbin", "/usr/bin"]);
const missing = [
	...((await isModuleEngineBuilt()) ? [] : ["the Pulumi CLI is not built yet (npm run lab -- up builds it)"]),
	...(sshd === undefined ? ["there is no sshd (apt-get install openssh-server)"] : []),
	...(process.getuid?.() === 0 ? [] : ["it needs root, to log in to its own sshd as root"]),
];
if (missing.length > 0) process.stderr.write(`The engine's end-to-end test is skipped: ${missing.join("; ")}.\n`);

/** The program under test: what it deploys is told by PLAN, so that one project serves every step. */
const program = `
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import * as command from "@pulumi/command";
const plan = JSON.parse(readFileSync(process.env.PLAN, "utf8"));
const connection = { ...plan.connection, privateKey: readFileSync(plan.keyFile, "utf8") };
const remote = new command.remote.Command("remote", { connection, ...plan.remote });
const local = new command.local.Command("local", { create: "printf %s \\"$GREETING\\"", environment: { GREETING: "hello" } });
new command.remote.CopyToRemote("copy", {
	connection,
	source: new pulumi.asset.FileAsset(plan.source),
	remotePath: plan.target,
});
const invoked = command.local.runOutput({ command: "cat", stdin: "asked", logging: "none" });
export const remoteOut = remote.stdout;
export const localOut = local.stdout;
export const invokedOut = invoked.stdout;
`;

describe.skipIf(missing.length > 0)("the module-built engine with the lab's language host and command plugin", () => {
	let folder: string;
	let server: SshServer;
	let engine: Engine;
	let plan: { connection: Record<string, unknown>; remote: Record<string, unknown> } & Record<string, unknown>;

	beforeAll(async () => {
		engine = await moduleEngine(() => {});
		folder = await mkdtemp(join(tmpdir(), "engine-test-"));
		server = await startSshServer(sshd ?? "", folder);
		await mkdir(join(folder, "state"));
		await writeFile(
			join(folder, "Pulumi.yaml"),
			'name: tiny\nruntime: { name: nodejs, options: { typescript: false, nodeargs: "--import tsx" } }\nmain: index.ts\n',
		);
		await writeFile(join(folder, "package.json"), '{ "name": "tiny", "type": "module", "main": "index.ts" }');
		await writeFile(join(folder, "index.ts"), program);
		await symlink(fileURLToPath(new URL("../../node_modules", import.meta.url)), join(folder, "node_modules"));
		await writeFile(join(folder, "source.txt"), "first\n");
		plan = {
			connection: { host: "127.0.0.1", port: server.port, hostKey: server.hostKey, dialErrorLimit: 0 },
			keyFile: server.keyFile,
			source: join(folder, "source.txt"),
			target: join(folder, "made", "copied.txt"),
			remote: {
				create: `echo create >> ${folder}/log; cat`,
				update: `echo update >> ${folder}/log; cat`,
				delete: `echo delete >> ${folder}/log`,
				stdin: "one\n",
				triggers: ["a"],
			},
		};
		await pulumi(["stack", "init", "test"]);
	}, 120_000);

	afterAll(async () => {
		await server?.stop();
		if (folder) await rm(folder, { recursive: true });
	});

	const pulumi = async (args: readonly string[]) => {
		await writeFile(join(folder, "plan.json"), JSON.stringify(plan));
		return execa(engine.pulumi, [...args, "--non-interactive", "--color", "never"], {
			cwd: folder,
			all: true,
			reject: false,
			env: {
				PATH: [...engine.path, process.env["PATH"]].join(":"),
				PLAN: join(folder, "plan.json"),
				PULUMI_BACKEND_URL: `file://${folder}/state`,
				PULUMI_CONFIG_PASSPHRASE: "test",
				PULUMI_SKIP_UPDATE_CHECK: "true",
				SSH_AUTH_SOCK: "",
			},
		});
	};
	const up = async () => {
		const result = await pulumi(["up", "--yes", "--skip-preview"]);
		expect(result.exitCode, result.all).toBe(0);
		return result.all;
	};
	const ran = async () => (await readFile(join(folder, "log"), "utf8")).trim().split("\n");
	const output = async (name: string) => (await pulumi(["stack", "output", name])).stdout;

	it("previews, deploys, changes nothing twice, updates in place, replaces, refuses a wrong host key and destroys", async () => {
		const preview = await pulumi(["preview"]);
		expect(preview.exitCode, preview.all).toBe(0);
		expect(preview.all).toContain("+ 4 to create");
		expect(preview.all).not.toMatch(/warning/i);

		expect(await up()).toContain("+ 4 created");
		expect(await output("remoteOut")).toBe("one");
		expect(await output("localOut")).toBe("hello");
		expect(await output("invokedOut")).toBe("asked");
		expect(await readFile(join(folder, "made", "copied.txt"), "utf8")).toBe("first\n");

		expect(await up()).toContain("4 unchanged");
		expect(await ran()).toEqual(["create"]);

		plan.remote["stdin"] = "one\ntwo\n";
		const diff = await pulumi(["preview", "--diff"]);
		expect(diff.all).toMatch(/\+ two/);
		expect(await up()).toContain("~ 1 updated");
		expect(await ran()).toEqual(["create", "update"]);
		expect(await output("remoteOut")).toBe("one\ntwo");

		plan.remote["triggers"] = ["b"];
		expect(await up()).toContain("+-1 replaced");
		expect(await ran()).toEqual(["create", "update", "create", "delete"]);

		await writeFile(join(folder, "source.txt"), "second\n");
		expect(await up()).toContain("~ 1 updated");
		expect(await readFile(join(folder, "made", "copied.txt"), "utf8")).toBe("second\n");

		const good = plan.connection["hostKey"];
		plan.connection["hostKey"] = server.otherKey;
		plan.remote["stdin"] = "three\n";
		const refused = await pulumi(["up", "--yes", "--skip-preview"]);
		expect(refused.exitCode).not.toBe(0);
		expect(refused.all).toContain("ssh: handshake failed: ssh: host key mismatch");
		expect(await ran()).toHaveLength(4);
		plan.connection["hostKey"] = good;

		plan.remote["stdin"] = "four\n";
		plan.remote["update"] = "echo broken >&2; exit 7";
		const failed = await pulumi(["up", "--yes", "--skip-preview"]);
		expect(failed.exitCode).not.toBe(0);
		expect(failed.all).toContain('Process exited with status 7: running "echo broken >&2; exit 7":\n');
		expect(failed.all).toMatch(/^\s*broken$/m);

		const key = (await readFile(server.keyFile, "utf8")).split("\n")[1] ?? "";
		const state = await pulumi(["stack", "export"]);
		expect(state.stdout).toContain('"command:remote:Command"');
		expect(state.stdout).not.toContain(key);

		const destroyed = await pulumi(["destroy", "--yes", "--skip-preview"]);
		expect(destroyed.exitCode, destroyed.all).toBe(0);
		expect((await ran()).at(-1)).toBe("delete");
	}, 300_000);
});
