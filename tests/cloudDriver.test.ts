import { copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { checkServer } from "../lab/checks.ts";
import { kubectl } from "../lab/cluster/cluster.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { site } from "../lab/site.ts";
import { labStackFile, writeStack } from "../lab/stack.ts";
import { useExistingGateway } from "./existingGateway.ts";

const root = join(import.meta.dirname, "..");

describe.skipIf(inject("noLab") !== undefined)("a driver of a user", () => {
	let pulumi: LabPulumi;
	/** A copy of the project with one more folder. */
	let project: string;

	beforeAll(async () => {
		const existing = await useExistingGateway();
		({ pulumi } = existing);
		project = await mkdtemp(join(tmpdir(), "pod-gateway-"));
		for (const part of [
			"Pulumi.yaml",
			"package.json",
			"tsconfig.json",
			"index.ts",
			"components",
			"src",
			"host",
			"tools",
			"stacks",
		]) {
			await cp(join(root, part), join(project, part), { recursive: true });
		}
		await symlink(join(root, "node_modules"), join(project, "node_modules"));
		await mkdir(join(project, "src/drivers/cloud"));
		await copyFile(join(root, "tests/cloudDriver.ts"), join(project, "src/drivers/cloud/driver.ts"));

		const { settings } = existing;
		const [{ name, address, hostKey, kubernetes }] = settings["pod-gateway:gateways"];
		const instance = join(project, "instance.json");
		await writeFile(instance, JSON.stringify({ address, hostKey }));
		await writeStack({ ...settings, "pod-gateway:gateways": [{ name, driver: "cloud", instance, kubernetes }] });
		await cp(labStackFile, join(project, "stacks", basename(labStackFile)));
	});

	afterAll(() => rm(project, { recursive: true, force: true }));

	test("is found by its folder's name, and another provider's outputs are the gateway's address and host key", async () => {
		const up = await pulumi.run(["up", "--yes", "--skip-preview"], { check: false, cwd: project });
		expect(up.exitCode, up.stdout + up.stderr).toBe(0);
		expect(await kubectl(["get", "node", site.gateway.name])).toMatch(/Ready,SchedulingDisabled/);
		for (const { name } of site.servers) {
			expect((await checkServer(name)).filter(({ ok }) => !ok)).toEqual([]);
		}
		await pulumi.run(["destroy", "--yes"], { cwd: project });
		expect(await kubectl(["get", "nodes", "--output", "name"])).not.toContain(site.gateway.name);
	});
});
