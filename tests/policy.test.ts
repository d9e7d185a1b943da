import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import type { ExecResult } from "../lab/exec.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { type LabSettings, writeStack } from "../lab/stack.ts";
import { useExistingGateway } from "./existingGateway.ts";

const project = join(import.meta.dirname, "..");
const pack = ["--policy-pack", join(project, "policy")];

/** What this program never declares: no host key, and a default route. */
const LAWLESS = `
import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
const parent = new pulumi.ComponentResource("pod-gateway:index:PhysicalServer", "db-1");
const stdin = ["pod-gateway 1", "stack lab", "server db-1", "route 0.0.0.0/0 via 192.0.2.1", "dns-method none", "verify off", "rollback-after 60", ""].join("\\n");
new remote.Command("db-1-network", { connection: { host: "192.0.2.9" }, create: "true", stdin }, { parent });
`;

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

	/** A preview without these servers, under the policy with these settings. */
	async function preview(without: readonly string[], config: object = {}): Promise<ExecResult & { told: string }> {
		const servers = settings["pod-gateway:servers"].filter(({ name }) => !without.includes(name));
		await writeStack({ ...settings, "pod-gateway:servers": servers });
		const file = join(folder, "policy.json");
		await writeFile(file, JSON.stringify(config));
		const result = await pulumi.run(["preview", ...pack, "--policy-pack-config", file], { check: false });
		return { ...result, told: result.stdout + result.stderr };
	}

	test("lets a sound deployment pass", async () => {
		const { exitCode, told } = await preview([]);
		expect(exitCode, told).toBe(0);
		expect(told).toMatch(/Policies:\s+✅ pod-gateway/);
	});

	test("server-drop: one server may go, three of six may not, unless the share says so", async () => {
		expect((await preview(["ps-nm"])).exitCode).toBe(0);
		const three = ["ps-nm", "ps-netplan", "ps-trixie"];
		const refused = await preview(three);
		expect(refused.exitCode).not.toBe(0);
		expect(refused.told).toContain("3 servers would go at once (ps-netplan, ps-nm, ps-trixie)");
		expect((await preview(three, { "server-drop": { share: 0.5 } })).exitCode).toBe(0);
	});

	test("protected-servers: such a server may not go", async () => {
		const refused = await preview(["ps-nm"], { "protected-servers": { servers: ["ps-nm"] } });
		expect(refused.exitCode).not.toBe(0);
		expect(refused.told).toContain("ps-nm is protected and would go");
	});

	test("shortest-prefix: by the pack's settings; advisory, it is said and no more", async () => {
		const refused = await preview([], { "shortest-prefix": { ipv4: 20 } });
		expect(refused.exitCode).not.toBe(0);
		expect(refused.told).toContain(
			"ps-nm would get a route to 192.96.0.0/16; shortest-prefix.ipv4 of the policy is 20",
		);
		const advised = await preview([], { "shortest-prefix": { ipv4: 20, enforcementLevel: "advisory" } });
		expect(advised.exitCode, advised.told).toBe(0);
		expect(advised.told).toContain("ps-nm would get a route to 192.96.0.0/16");
	});

	test("host-key and no-default-route: of a program that breaks them", async () => {
		await writeFile(
			join(folder, "Pulumi.yaml"),
			"name: lawless\nruntime: { name: nodejs, options: { typescript: false, nodeargs: --import tsx } }\n",
		);
		await writeFile(join(folder, "package.json"), '{ "type": "module", "main": "index.ts" }');
		await writeFile(join(folder, "index.ts"), LAWLESS);
		await symlink(join(project, "node_modules"), join(folder, "node_modules"));
		await pulumi.run(["stack", "select", "--create", "lab"], { cwd: folder });
		const { exitCode, stdout, stderr } = await pulumi.run(["preview", ...pack], { cwd: folder, check: false });
		await pulumi.run(["stack", "rm", "--yes", "lab"], { cwd: folder });
		expect(exitCode).not.toBe(0);
		expect(stdout + stderr).toContain("the connection to 192.0.2.9 pins no host key");
		expect(stdout + stderr).toContain("db-1 would get the default route 0.0.0.0/0");
	});
});
