import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type Engine, resolveEngine } from "../lab/engine/engine.ts";
import { exec, inOperator } from "../lab/host.ts";
import { hostPublicKey, operatorKeyFile } from "../lab/keys.ts";
import { machineNamed } from "../lab/machines.ts";

const server = machineNamed("ps-ifupdown");
const other = machineNamed("ps-nm");

/** The program under test. The file PLAN says what it deploys, so that one project serves every step. */
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

describe.skipIf(inject("noLab") !== undefined)(
	"the engine and its plugin for commands, against a real SSH server",
	() => {
		let folder: string;
		let remote: string;
		let engine: Engine;
		let plan: { connection: Record<string, unknown>; remote: Record<string, unknown> } & Record<string, unknown>;

		beforeAll(async () => {
			engine = await resolveEngine(() => {});
			folder = await mkdtemp(join(tmpdir(), "engine-test-"));
			remote = (await exec(server.name, ["mktemp", "-d"])).stdout.trim();
			await mkdir(join(folder, "state"));
			await writeFile(
				join(folder, "Pulumi.yaml"),
				'name: tiny\nruntime: { name: nodejs, options: { typescript: false, nodeargs: "--import tsx" } }\nmain: index.ts\n',
			);
			await writeFile(join(folder, "package.json"), '{ "name": "tiny", "type": "module", "main": "index.ts" }');
			await writeFile(join(folder, "index.ts"), program);
			await symlink(fileURLToPath(new URL("../node_modules", import.meta.url)), join(folder, "node_modules"));
			await writeFile(join(folder, "source.txt"), "first\n");
			plan = {
				connection: { host: server.address, hostKey: await hostPublicKey(server.name), dialErrorLimit: 0 },
				keyFile: operatorKeyFile(),
				source: join(folder, "source.txt"),
				target: `${remote}/copied.txt`,
				remote: {
					create: `echo create >> ${remote}/log; cat`,
					update: `echo update >> ${remote}/log; cat`,
					delete: `echo delete >> ${remote}/log`,
					stdin: "one\n",
					triggers: ["a"],
				},
			};
			await pulumi(["stack", "init", "test"]);
		}, 120_000);

		afterAll(async () => {
			if (folder) await rm(folder, { recursive: true });
			if (remote) await exec(server.name, ["rm", "-r", remote]);
		});

		const pulumi = async (args: readonly string[]) => {
			await writeFile(join(folder, "plan.json"), JSON.stringify(plan));
			const result = await inOperator([engine.pulumi, ...args, "--non-interactive", "--color", "never"], {
				cwd: folder,
				check: false,
				env: {
					PATH: [...engine.path, process.env["PATH"]].join(":"),
					PLAN: join(folder, "plan.json"),
					PULUMI_BACKEND_URL: `file://${folder}/state`,
					PULUMI_CONFIG_PASSPHRASE: "test",
					PULUMI_SKIP_UPDATE_CHECK: "true",
					SSH_AUTH_SOCK: "",
				},
			});
			return { ...result, all: `${result.stdout}\n${result.stderr}` };
		};
		const up = async () => {
			const result = await pulumi(["up", "--yes", "--skip-preview"]);
			expect(result.exitCode, result.all).toBe(0);
			return result.all;
		};
		const onServer = async (file: string) => (await exec(server.name, ["cat", `${remote}/${file}`])).stdout.trim();
		const ran = async () => (await onServer("log")).split("\n");
		const output = async (name: string) => (await pulumi(["stack", "output", name])).stdout;

		it("previews, deploys, changes nothing the second time, updates in place, replaces, refuses a wrong host key, destroys", async () => {
			const preview = await pulumi(["preview"]);
			expect(preview.exitCode, preview.all).toBe(0);
			expect(preview.all).toContain("+ 4 to create");
			expect(preview.all).not.toMatch(/warning/i);

			expect(await up()).toContain("+ 4 created");
			expect(await output("remoteOut")).toBe("one");
			expect(await output("localOut")).toBe("hello");
			expect(await output("invokedOut")).toBe("asked");
			expect(await onServer("copied.txt")).toBe("first");

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
			expect(await onServer("copied.txt")).toBe("second");

			const good = plan.connection["hostKey"];
			plan.connection["hostKey"] = await hostPublicKey(other.name);
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

			const key = (await readFile(operatorKeyFile(), "utf8")).split("\n")[1] ?? "";
			const state = await pulumi(["stack", "export"]);
			expect(state.stdout).toContain('"command:remote:Command"');
			expect(state.stdout).not.toContain(key);

			const destroyed = await pulumi(["destroy", "--yes", "--skip-preview"]);
			expect(destroyed.exitCode, destroyed.all).toBe(0);
			expect((await ran()).at(-1)).toBe("delete");
		}, 300_000);
	},
);
