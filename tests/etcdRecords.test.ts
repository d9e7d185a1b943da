import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { addBlock, etcdSettings, forgetInEtcd, recordInEtcd, removeBlock } from "../lab/cluster/cluster.ts";
import { type ExecResult, exec } from "../lab/host.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { site, stackName } from "../lab/site.ts";
import { type LabSettings, writeStack } from "../lab/stack.ts";
import { lockPath } from "../src/stack/lockFile.ts";
import { useExistingGateway } from "./existingGateway.ts";

const newBlock = "192.244.191.0/26";
const kept = "192.244.32.0/26";
/** Kubernetes' own CA, which has not signed etcd's certificates. */
const otherCa = "/etc/kubernetes/pki/ca.crt";
const unknown = "it is unknown which blocks the gateway should have routes to";

describe.skipIf(inject("noLab") !== undefined)("Calico's records in etcd", { timeout: 300_000 }, () => {
	let pulumi: LabPulumi;
	let settings: LabSettings;
	let folder: string;

	beforeAll(async () => {
		({ pulumi, settings } = await useExistingGateway());
		folder = await mkdtemp(join(tmpdir(), "pod-gateway-test-"));
		await rm(lockPath(stackName), { force: true });
		await pulumi.run(["up", "--yes", "--skip-preview"]);
	}, 300_000);

	afterAll(async () => {
		await recordInEtcd("ku13-2", kept);
		await removeBlock("ku13-1", newBlock);
		await writeStack(settings);
		await pulumi.run(["destroy", "--yes"]);
		await rm(folder, { recursive: true, force: true });
	}, 300_000);

	function survey(): Promise<ExecResult> {
		return pulumi.tool("survey");
	}

	async function withEtcd(change: object, command: readonly string[]): Promise<ExecResult> {
		const calicoEtcd = { ...etcdSettings(), ...change };
		const cluster = { ...settings["pod-gateway:cluster"], calicoEtcd };
		// Does not wait long for routes that will not come.
		const routes = { convergeTimeout: 5 };
		await writeStack({ ...settings, "pod-gateway:cluster": cluster, "pod-gateway:routes": routes });
		return pulumi.run(command, { check: false });
	}

	/** Copies a file of the control plane's host to this machine. @returns its path here */
	async function fetched(path: string): Promise<string> {
		const file = join(folder, path.replaceAll("/", "-"));
		await writeFile(file, (await exec(site.controlPlane.name, ["cat", path])).stdout, { mode: 0o600 });
		return file;
	}

	test("both kinds of records say the same, even if one of etcd's servers is down", async () => {
		const custom = await survey();
		expect(custom.stdout).toContain(`  ${kept} of ku13-2\n`);
		expect(custom.stderr).toContain("pool 192.244.0.0/16 has natOutgoing");
		const endpoints = [`https://${site.controlPlane.address}:2378`, ...etcdSettings().endpoints];
		const up = await withEtcd({ endpoints }, ["up", "--yes", "--skip-preview"]);
		expect(up.exitCode, up.stdout + up.stderr).toBe(0);
		expect(up.stdout + up.stderr).not.toContain(unknown);
		expect(await survey()).toEqual(custom);
	});

	test("the client's key is not in plain text in the state or in a preview", async () => {
		const key = await readFile(etcdSettings().keyFile, "utf8");
		const secret = key.split("\n")[1] ?? "";
		expect(secret).not.toBe("");
		const { stdout: state } = await pulumi.run(["stack", "export"]);
		const preview = await withEtcd({}, ["preview", "--diff"]);
		expect(preview.exitCode, preview.stdout + preview.stderr).toBe(0);
		for (const text of [state, preview.stdout, preview.stderr]) {
			expect(text).not.toContain("PRIVATE KEY");
			expect(text).not.toContain(secret);
		}
	});

	test("for a block without a route, the survey and a preview warn", async () => {
		await recordInEtcd("ku13-1", newBlock);
		expect((await survey()).stderr).toContain(`gw-1: block ${newBlock} of ku13-1 has no route`);
		const preview = await withEtcd({}, ["preview"]);
		expect(preview.exitCode, preview.stdout + preview.stderr).toBe(0);
		expect(preview.stdout + preview.stderr).toContain(`gw-1: no route to ${newBlock} of ku13-1 after 5 s`);
		await addBlock("ku13-1", newBlock);
		await expect
			.poll(async () => (await exec(site.gateway.name, ["ip", "route"])).stdout, { timeout: 60_000 })
			.toContain(newBlock);
		const found = await survey();
		expect(found.stdout).toContain(`${newBlock} of ku13-1`);
		expect(found.stderr).not.toContain("has no route");
	});

	test("for a route without a block, the survey warns", async () => {
		await forgetInEtcd("ku13-2", kept);
		const { stdout, stderr } = await survey();
		expect(stderr).toContain(`gw-1: the route to ${kept} does not lead to a block that Calico knows`);
		expect(stdout).toContain(`${kept} of ${site.workers.find(({ name }) => name === "ku13-2")?.address}`);
		await recordInEtcd("ku13-2", kept);
		expect((await survey()).stderr).not.toContain("does not lead to a block");
	});

	test.each<[string, () => Promise<object>, string]>([
		[
			"a wrong CA",
			async () => ({ caFile: await fetched(otherCa) }),
			"its certificate is not signed by the CA in the settings; correct calicoEtcd.ca or caFile",
		],
		[
			"a client of another CA",
			async () => ({
				certFile: await fetched("/etc/kubernetes/pki/front-proxy-client.crt"),
				keyFile: await fetched("/etc/kubernetes/pki/front-proxy-client.key"),
			}),
			"it does not accept the client's certificate; correct calicoEtcd.cert and key",
		],
		[
			"a missing client's certificate",
			async () => ({ certFile: undefined, keyFile: undefined }),
			"it asks for a client's certificate; set calicoEtcd.cert and key",
		],
		[
			"an endpoint without a server",
			async () => ({ endpoints: [`https://${site.controlPlane.address}:2378`] }),
			`"connect ECONNREFUSED ${site.controlPlane.address}:2378"`,
		],
	])("%s is named in a warning, and the preview goes on", async (_, change, why) => {
		const preview = await withEtcd(await change(), ["preview"]);
		expect(preview.exitCode, preview.stdout + preview.stderr).toBe(0);
		expect(preview.stdout + preview.stderr).toContain(unknown);
		expect(preview.stdout + preview.stderr).toContain(why);
	});

	test("with a wrong CA, up goes on with a warning; so does the survey, by what was deployed", async () => {
		const caFile = await fetched(otherCa);
		const up = await withEtcd({ caFile }, ["up", "--yes", "--skip-preview"]);
		expect(up.exitCode, up.stdout + up.stderr).toBe(0);
		expect(up.stdout + up.stderr).toContain("its certificate is not signed by the CA");
		expect((await exec("ps-nm", ["ip", "route"])).stdout).toContain(newBlock);
		const { exitCode, stderr } = await survey();
		expect(exitCode).toBe(2);
		expect(stderr).toContain(`gw-1: ${unknown}: cannot read Calico's etcd: `);
	});
});
