import { readFile, rm, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { addBlock, kubectl, removeBlock } from "../lab/cluster/cluster.ts";
import { type ExecResult, exec } from "../lab/host.ts";
import { setCable } from "../lab/namespaces.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { site, stackName } from "../lab/site.ts";
import { type LabSettings, writeStack } from "../lab/stack.ts";
import { lockPath } from "../src/stack/lockFile.ts";
import { useExistingGateway } from "./existingGateway.ts";

const newBlock = "192.244.191.0/26";
const path = lockPath(stackName);

describe.skipIf(inject("noLab") !== undefined)("locked routes", { timeout: 300_000 }, () => {
	let pulumi: LabPulumi;
	let settings: LabSettings;

	beforeAll(async () => {
		({ pulumi, settings } = await useExistingGateway());
		await rm(path, { force: true });
	}, 300_000);

	afterAll(async () => {
		await setCable(site.operator.name, true);
		await pulumi.run(["destroy", "--yes"]);
		await removeBlock("ku13-1", newBlock).catch(() => {});
		await rm(path, { force: true });
	}, 300_000);

	function survey(...options: string[]): Promise<ExecResult> {
		return pulumi.tool("survey", options);
	}

	async function lockedUp(...command: string[]): Promise<ExecResult> {
		await writeStack({ ...settings, "pod-gateway:routes": { source: "locked" } });
		return pulumi.run(command, { check: false });
	}

	test("before the first deployment, the survey and a preview say what to do first", async () => {
		const early = await survey();
		expect(early.exitCode).toBe(1);
		expect(early.stderr).toContain("run pulumi up first");
		const { exitCode, stdout, stderr } = await lockedUp("preview");
		expect(exitCode).not.toBe(0);
		expect(stdout + stderr).toContain(`npm run survey -- ${stackName} --write`);
		await writeStack(settings);
		await pulumi.run(["up", "--yes", "--skip-preview"]);
	});

	test("the survey writes the file, and afterwards finds no difference", async () => {
		const missing = await survey();
		expect(missing.exitCode).toBe(2);
		expect(missing.stdout).toContain("  192.244.32.0/26 of ku13-2\n");
		expect((await survey("--write")).exitCode).toBe(0);
		const file = await readFile(path, "utf8");
		expect(file).toContain('\n\t\t{ "prefix": "192.244.32.0/26", "family": 4, "node": "ku13-2" },\n');
		const again = await survey("--write");
		expect(again.stderr).toContain("was up to date");
		expect(await readFile(path, "utf8")).toBe(file);
		const { exitCode, stderr } = await survey();
		expect(exitCode).toBe(0);
		expect(stderr).toMatch(/^warning: gw-1: pool 192\.244\.0\.0\/16 has natOutgoing: .*$/);
	});

	test("a broken file is an error that names the place, and can be written again", async () => {
		const file = await readFile(path, "utf8");
		await writeFile(path, file.replace('"family": 4', '"family": 5'));
		const broken = await survey();
		expect(broken.exitCode).toBe(1);
		expect(broken.stderr).toContain(`${stackName}.routes.json cannot be read:\n  routes.0.family: `);
		expect((await survey("--write")).exitCode).toBe(0);
		expect(await readFile(path, "utf8")).toBe(file);
	});

	test("a change from live to locked does not change any server", async () => {
		const { exitCode, stdout, stderr } = await lockedUp("up", "--yes", "--skip-preview");
		expect(exitCode, stdout + stderr).toBe(0);
		expect(stdout).not.toMatch(/ps-\w+-network/);
	});

	test("a preview does not need a network", async () => {
		await setCable(site.operator.name, false);
		const { exitCode, stdout, stderr } = await lockedUp("preview", "--diff", "--expect-no-changes");
		await setCable(site.operator.name, true);
		expect(exitCode, stdout + stderr).toBe(0);
	});

	test("up refuses a cluster that differs from what is locked, and names each difference", async () => {
		const file = await readFile(path, "utf8");
		await writeFile(path, file.replace(`"domain": "${site.clusterDomain}"`, '"domain": "old.local"'));
		const refused = await lockedUp("up", "--yes", "--skip-preview");
		const found = await survey();
		expect((await survey("--write")).exitCode).toBe(0);
		expect(await readFile(path, "utf8")).toBe(file);
		expect(found.exitCode).toBe(2);
		expect(found.stdout).toContain(`- "domain": "old.local"\n+ "domain": "${site.clusterDomain}"`);
		expect(refused.exitCode).not.toBe(0);
		expect(refused.stdout + refused.stderr).toContain(`1. - "domain": "old.local"`);
		expect(refused.stdout + refused.stderr).toContain(`2. + "domain": "${site.clusterDomain}"`);
		expect(refused.stdout + refused.stderr).toContain(`npm run survey -- ${stackName} --write`);
	});

	test("while the cluster does not answer, up uses what is locked, with a warning", async () => {
		await exec(site.controlPlane.name, ["systemctl", "stop", "kube-apiserver"]);
		const { exitCode, stdout, stderr } = await lockedUp("up", "--yes", "--skip-preview");
		const found = await survey();
		await exec(site.controlPlane.name, ["systemctl", "start", "kube-apiserver"]);
		expect(exitCode, stdout + stderr).toBe(0);
		expect(stdout).toContain("the cluster was not compared with the locked one: the API server");
		expect(found.exitCode).toBe(1);
		expect(found.stderr).toContain("cannot be reached");
		await expect.poll(() => kubectl(["get", "nodes"]), { timeout: 60_000 }).toContain("Ready");
	});

	test("up refuses routes that are not locked, and names each; the survey writes them; then up brings them", async () => {
		await addBlock("ku13-1", newBlock);
		// An API server that stops removes itself from its Service. kube-proxy, which waits longer each time, notices its return late.
		await expect
			.poll(async () => (await exec(site.gateway.name, ["ip", "route"])).stdout, { timeout: 180_000 })
			.toContain(newBlock);
		const refused = await lockedUp("up", "--yes", "--skip-preview");
		expect(refused.exitCode).not.toBe(0);
		expect(refused.stdout + refused.stderr).toContain(`+ ${newBlock} of ku13-1`);
		expect(refused.stdout + refused.stderr).toContain(`npm run survey -- ${stackName} --write`);
		expect((await exec("ps-nm", ["ip", "route"])).stdout).not.toContain(newBlock);
		const found = await survey();
		expect(found.exitCode).toBe(2);
		expect(found.stdout).toContain(`+ ${newBlock} of ku13-1`);
		expect((await survey("--write")).exitCode).toBe(0);
		await setCable(site.operator.name, false);
		const preview = await lockedUp("preview", "--diff");
		const review = await pulumi.tool("review");
		await setCable(site.operator.name, true);
		expect(preview.stdout).toContain(`+ route ${newBlock} via ${site.gateway.address}`);
		expect(review.exitCode, review.stderr).toBe(2);
		expect(review.stdout).toContain("- ps-nm: +1 route, DNS unchanged\n");
		expect(review.stdout).toContain(`+route ${newBlock} via ${site.gateway.address}\n`);
		const { exitCode, stdout, stderr } = await lockedUp("up", "--yes", "--skip-preview");
		expect(exitCode, stdout + stderr).toBe(0);
		expect((await exec("ps-nm", ["ip", "route"])).stdout).toContain(newBlock);
	});
});
