import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { z } from "zod";
import { isCutOff } from "../lab/checks.ts";
import { kubeconfigFile, kubectl } from "../lab/cluster/cluster.ts";
import { hostPublicKey, operatorKeyFile } from "../lab/keys.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { site, stackName } from "../lab/site.ts";
import { writeStack } from "../lab/stack.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { type Footprint, footprint, settledFootprint } from "./footprint.ts";

/** The servers of the stack in the fixture: one with a login as root, one with sudo. */
const servers = ["ps-resolved", "ps-dnsmasq"];

const join = z.object({ stdout: z.string(), stdin: z.object({ plaintext: z.string() }) });
const exported = z.object({
	deployment: z.object({
		secrets_providers: z.unknown(),
		resources: z.array(z.object({ urn: z.string(), outputs: z.unknown().optional() })).default([]),
	}),
});

async function deploymentOf(pulumi: LabPulumi) {
	const { stdout } = await pulumi.run(["stack", "export", "--show-secrets"]);
	return exported.parse(JSON.parse(stdout)).deployment;
}

/**
 * The state of a stack that the version before the sources were moved has deployed (commit 201d667), as `pulumi stack export
 * --show-secrets` prints it, with this site's keys, files and join.
 */
async function stateOfTheVersionBefore(pulumi: LabPulumi): Promise<string> {
	const { resources, secrets_providers } = await deploymentOf(pulumi);
	const node = join.parse(resources.find(({ urn }) => urn.endsWith("::gw-1-node"))?.outputs);
	const values: Readonly<Record<string, string>> = {
		stack: stackName,
		kubeconfig: kubeconfigFile(),
		operatorKey: operatorKeyFile(),
		joinId: node.stdout,
		caCertHash: /sha256:[0-9a-f]{64}/.exec(node.stdin.plaintext)?.[0] ?? "",
		...Object.fromEntries([site.gateway.name, ...servers].map((name) => [`hostKey ${name}`, hostPublicKey(name)])),
	};
	const text = await readFile(new URL("fixtures/stackBeforeTheMoves.json", import.meta.url), "utf8");
	const state = JSON.parse(
		Object.entries(values).reduce((filled, [name, value]) => filled.replaceAll(`{${name}}`, value), text),
	);
	return JSON.stringify({ ...state, deployment: { ...state.deployment, secrets_providers } });
}

describe.skipIf(inject("noLab") !== undefined)(
	"a stack that the version before has deployed",
	{ timeout: 300_000 },
	() => {
		const before = new Map<string, Footprint>();
		let pulumi: LabPulumi;

		beforeAll(async () => {
			const existing = await useExistingGateway();
			({ pulumi } = existing);
			for (const server of servers) before.set(server, await footprint(server));
			await writeStack({
				...existing.settings,
				"pod-gateway:servers": existing.settings["pod-gateway:servers"].filter(({ name }) => servers.includes(name)),
			});
			await pulumi.run(["up", "--yes", "--skip-preview"]);
			await pulumi.run(["stack", "import"], { input: await stateOfTheVersionBefore(pulumi) });
		}, 300_000);

		afterAll(async () => {
			await pulumi.run(["destroy", "--yes"]);
		}, 300_000);

		test("goes over in place: a preview updates the servers, and makes, replaces or removes nothing", async () => {
			const { stdout } = await pulumi.run(["preview"]);
			expect(stdout).toMatch(/~ 2 to update/);
			expect(stdout).not.toMatch(/to (create|delete|replace)/);
		});

		test("is destroyed: every server is as it was before, and the gateway is no node any more", async () => {
			for (const server of servers) expect(await isCutOff(server), server).toBe(false);
			await pulumi.run(["destroy", "--yes"]);
			expect((await deploymentOf(pulumi)).resources).toEqual([]);
			for (const server of servers) {
				expect(await settledFootprint(server, before.get(server)), server).toEqual(before.get(server));
				expect(await isCutOff(server), server).toBe(true);
			}
			expect(await kubectl(["get", "nodes", "--output", "name"])).not.toContain(site.gateway.name);
		});
	},
);
