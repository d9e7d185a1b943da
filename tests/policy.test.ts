import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { ExecResult } from "../lab/exec.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { stackName } from "../lab/site.ts";
import { type LabSettings, writeStack } from "../lab/stack.ts";
import { useExistingGateway } from "./existingGateway.ts";

const project = join(import.meta.dirname, "..");
const pack = ["--policy-pack", join(project, "policy")];

/** Declares servers that our settings would refuse, from SERVERS. They do not exist, and nothing runs on them. */
const LAWLESS = `
import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
for (const { name, host, hostKey, route } of JSON.parse(process.env["SERVERS"])) {
	const parent = new pulumi.ComponentResource("pod-gateway:index:PhysicalServer", name);
	const plan = ["pod-gateway 1", "stack lab", "server " + name, ...(route ? ["route " + route] : [])];
	const stdin = [...plan, "dns-method none", "verify off", "rollback-after 60", ""].join("\\n");
	const opts = { parent, replacementTrigger: host, deleteBeforeReplace: true };
	new remote.Command(name + "-network", { connection: { host, hostKey }, stdin }, opts);
}
`;
const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMVICK13Wys5wPl";

/** A server of that program. */
interface Lawless {
	readonly name: string;
	readonly host: string;
	readonly hostKey?: string;
	readonly route?: string;
}

describe.skipIf(inject("noLab") !== undefined)("the policy pack", { timeout: 300_000 }, () => {
	let pulumi: LabPulumi;
	let settings: LabSettings;
	let folder: string;

	beforeAll(async () => {
		({ pulumi, settings } = await useExistingGateway());
		folder = await mkdtemp(join(tmpdir(), "pod-gateway-policy-"));
		await pulumi.run(["up", "--yes", ...pack]);
	}, 300_000);

	afterAll(async () => {
		await writeStack(settings);
		await pulumi.run(["destroy", "--yes"]);
		await rm(folder, { recursive: true });
	}, 300_000);

	/** Runs a preview without these servers, with the policy and these settings of it. */
	async function preview(without: readonly string[], config: object = {}): Promise<ExecResult & { told: string }> {
		const servers = settings["pod-gateway:servers"].filter(({ name }) => !without.includes(name));
		await writeStack({ ...settings, "pod-gateway:servers": servers });
		const file = join(folder, "policy.json");
		await writeFile(file, JSON.stringify(config));
		const result = await pulumi.run(["preview", ...pack, "--policy-pack-config", file], { check: false });
		return { ...result, told: result.stdout + result.stderr };
	}

	test("accepts a sound deployment", async () => {
		const { exitCode, told } = await preview([]);
		expect(exitCode, told).toBe(0);
		expect(told).toMatch(/Policies:\s+✅ pod-gateway/);
	});

	test("server-drop: one server may go; three of six may not, unless the share allows it", async () => {
		expect((await preview(["ps-nm"])).exitCode).toBe(0);
		const three = ["ps-nm", "ps-netplan", "ps-trixie"];
		const refused = await preview(three);
		expect(refused.exitCode).not.toBe(0);
		expect(refused.told).toContain("3 servers would be removed at once (ps-netplan, ps-nm, ps-trixie)");
		expect((await preview(three, { "server-drop": { share: 0.5 } })).exitCode).toBe(0);
	});

	test("protected-servers: a protected server may not go", async () => {
		const refused = await preview(["ps-nm"], { "protected-servers": { servers: ["ps-nm"] } });
		expect(refused.exitCode).not.toBe(0);
		expect(refused.told).toContain("ps-nm is protected and would be removed");
	});

	test("shortest-prefix: refuses by the pack's settings; if it is advisory, it only reports", async () => {
		const refused = await preview([], { "shortest-prefix": { ipv4: 20 } });
		expect(refused.exitCode).not.toBe(0);
		expect(refused.told).toContain(
			"ps-nm would get a route to 192.96.0.0/16, but shortest-prefix.ipv4 of the policy is 20",
		);
		const advised = await preview([], { "shortest-prefix": { ipv4: 20, enforcementLevel: "advisory" } });
		expect(advised.exitCode, advised.told).toBe(0);
		expect(advised.told).toContain("ps-nm would get a route to 192.96.0.0/16");
	});

	describe("for a program that obeys no rule", () => {
		let lawless: string;
		const six = Array.from({ length: 6 }, (_, index) => sound(`db-${index}`, `192.0.2.${index + 1}`));

		beforeAll(async () => {
			lawless = join(folder, "lawless");
			await mkdir(lawless);
			await writeFile(
				join(lawless, "Pulumi.yaml"),
				"name: lawless\nruntime: { name: nodejs, options: { typescript: false, nodeargs: --import tsx } }\n",
			);
			await writeFile(join(lawless, "package.json"), '{ "type": "module", "main": "index.ts" }');
			await writeFile(join(lawless, "index.ts"), LAWLESS);
			await symlink(join(project, "node_modules"), join(lawless, "node_modules"));
			// A pack reads the state of the project that it is in, so the copy needs a pack of its own.
			for (const part of ["policy", "src", "host"]) {
				await cp(join(project, part), join(lawless, part), { recursive: true });
			}
			await pulumi.run(["stack", "select", "--create", stackName], { cwd: lawless });
		});

		afterAll(async () => {
			await pulumi.run(["stack", "rm", "--yes", "--force", stackName], { cwd: lawless });
		});

		function sound(name: string, host: string): Lawless {
			return { name, host, hostKey: HOST_KEY };
		}

		async function run(verb: readonly string[], servers: readonly Lawless[], config: object = {}) {
			const file = join(folder, "lawless.json");
			await writeFile(file, JSON.stringify(config));
			const { exitCode, stdout, stderr } = await pulumi.run(
				[...verb, "--policy-pack", join(lawless, "policy"), "--policy-pack-config", file],
				{ cwd: lawless, check: false, env: { SERVERS: JSON.stringify(servers) } },
			);
			return { exitCode, told: stdout + stderr };
		}

		test("host-key and no-default-route", async () => {
			const { exitCode, told } = await run(
				["preview"],
				[{ name: "db-1", host: "192.0.2.9", route: "0.0.0.0/0 via 192.0.2.1" }],
			);
			expect(exitCode).not.toBe(0);
			expect(told).toContain("the connection to 192.0.2.9 does not pin a host key");
			expect(told).toContain("db-1 would get the default route 0.0.0.0/0");
		});

		test("without a preview: a protected server is not moved, and a drop of servers is reported", async () => {
			const made = await run(["up", "--yes", "--skip-preview"], six);
			expect(made.exitCode, made.told).toBe(0);

			const moved = six.with(0, sound("db-0", "192.0.2.99"));
			const config = { "protected-servers": { servers: ["db-0"] } };
			const refused = await run(["up", "--yes", "--skip-preview"], moved, config);
			expect(refused.exitCode).not.toBe(0);
			expect(refused.told).toContain("db-0 is protected and would move from 192.0.2.1 to 192.0.2.99");
			expect((await run(["preview"], moved)).told).toContain("+-1 to replace");

			// The engine checks the list of servers after they are gone.
			const dropped = await run(["up", "--yes", "--skip-preview"], six.slice(2));
			expect(dropped.exitCode).not.toBe(0);
			expect(dropped.told).toContain("2 servers would be removed at once (db-0, db-1)");
		});
	});
});
