import { randomBytes } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { siteDir } from "../lab/cache.ts";
import { checkServer, isCutOff } from "../lab/checks.ts";
import { addBlock, kubeconfigFile, kubectl, removeBlock } from "../lab/cluster/cluster.ts";
import { bootHost, exec, powerOff } from "../lab/host.ts";
import { operatorKeyFile } from "../lab/keys.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { outsideHosts } from "../lab/servers.ts";
import { site, stackName } from "../lab/site.ts";
import { type LabSettings, writeStack } from "../lab/stack.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { type Footprint, footprint, logins, settledFootprint } from "./footprint.ts";
import { givenSecrets, searchEverywhere, Witness } from "./secretSearch.ts";

const servers = site.servers.map(({ name }) => name);
const newBlock = "192.244.191.0/26";
/** A random text, to check that the search for secrets finds a text that is there. */
const canary = randomBytes(20).toString("hex");
const newRoute = `route ${newBlock} via ${site.gateway.address}`;

/** Makes what a kubelet of another cluster leaves on a machine; $1 is that cluster's API server. */
const OTHER_CLUSTER = `
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -days 1 -keyout /dev/null -out /run/other.crt 2>/dev/null
mkdir -p /etc/kubernetes
cat >/etc/kubernetes/kubelet.conf <<END
apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: $(base64 -w 0 /run/other.crt)
    server: $1
  name: other
END
`;

describe.skipIf(inject("noLab") !== undefined)("the whole deployment, on real machines", () => {
	const before = new Map<string, Footprint>();
	let settings: LabSettings;
	let pulumi: LabPulumi;
	let witness: Witness;

	beforeAll(async () => {
		({ pulumi, settings } = await useExistingGateway());
		witness = new Witness();
		for (const server of servers) {
			before.set(server, await footprint(server));
		}
	});

	afterAll(() => witness.end());

	test("before the first up, no server reaches anything of the cluster", async () => {
		for (const server of servers) {
			expect(await isCutOff(server), server).toBe(true);
		}
	});

	test("a preview changes nothing, and fits on two screens", async () => {
		const { stdout, stderr } = await pulumi.run(["preview"]);
		expect(linesOf(stdout + stderr), stdout).toBeLessThanOrEqual(100);
		for (const server of servers) {
			expect(await settledFootprint(server, before.get(server)), server).toEqual(before.get(server));
		}
	});

	test("bad settings are refused before anything is touched, and every mistake is named", async () => {
		const [first, ...others] = settings["pod-gateway:servers"];
		const { hostKey: _, ...withoutKey } = first ?? { hostKey: "" };
		await writeStack({
			...settings,
			"pod-gateway:servers": [withoutKey, ...others, others[0]],
			"pod-gateway:rotues": {},
		});
		const { exitCode, stdout, stderr } = await pulumi.run(["up", "--yes", "--skip-preview"], { check: false });
		await writeStack(settings);
		expect(exitCode).not.toBe(0);
		expect(stdout + stderr).toContain("pod-gateway:servers[0].hostKey");
		expect(stdout + stderr).toContain(`pod-gateway:servers[${servers.length}].name`);
		expect(stdout + stderr).toContain("pod-gateway:rotues");
		for (const server of servers) {
			expect(await settledFootprint(server, before.get(server)), server).toEqual(before.get(server));
		}
	});

	test("a node of another cluster is refused as the gateway; with takeOver it is reset and joined", async () => {
		const other = "https://192.0.2.1:6443";
		await exec(site.gateway.name, ["sh", "-euc", OTHER_CLUSTER, "sh", other]);
		const refused = await pulumi.run(["up", "--yes", "--skip-preview"], { check: false });
		expect(refused.exitCode).not.toBe(0);
		expect(refused.stdout + refused.stderr).toContain(other);
		expect(refused.stdout + refused.stderr).toContain("takeOver: true");
		expect(await kubectl(["get", "nodes", "--output", "name"])).not.toContain(site.gateway.name);
		const [gateway] = settings["pod-gateway:gateways"];
		await writeStack({ ...settings, "pod-gateway:gateways": [{ ...gateway, takeOver: true }] });
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		await writeStack(settings);
		expect(await kubectl(["get", "node", site.gateway.name])).toMatch(/Ready,SchedulingDisabled/);
	});

	test("after one up, every server resolves names and reaches pods and Services through the gateway", async () => {
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		for (const server of servers) {
			for (const { what, ok, seen } of await checkServer(server)) {
				expect(ok, `${server}: ${what}: ${seen}`).toBe(true);
			}
		}
		await execa("sh", ["-c", "sleep 1; true", canary]);
		await witness.end();
	});

	test("the gateway is a cordoned and tainted node that runs only DaemonSets", async () => {
		const objects = async (...args: string[]) => JSON.parse(await kubectl(["get", ...args, "-o", "json"]));
		const node = await objects("node", site.gateway.name);
		expect(node.spec.unschedulable).toBe(true);
		expect(node.spec.taints).toContainEqual(expect.objectContaining({ key: "pod-gateway", effect: "NoSchedule" }));
		const pods = await objects("pods", "-A", "--field-selector", `spec.nodeName=${site.gateway.name}`);
		const owners = pods.items.map(
			(pod: { metadata: { ownerReferences: { kind: string }[] } }) => pod.metadata.ownerReferences[0]?.kind,
		);
		expect(new Set(owners)).toEqual(new Set(["DaemonSet"]));
	});

	test("the state does not have secrets in plain text, nor any bootstrap token", async () => {
		const state = await readFile(siteDir("pulumi", ".pulumi", "stacks", "pod-gateway", `${stackName}.json`), "utf8");
		expect(state).toContain("ps-nm-network");
		expect(state).not.toContain("PRIVATE KEY");
		expect(state).not.toContain("client-key-data");
		expect(state).not.toMatch(/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/);
		const tokens = await kubectl([
			"-n",
			"kube-system",
			"get",
			"secrets",
			"-o",
			"jsonpath={.items[*].data.description}",
		]);
		const descriptions = tokens.split(" ").map((text) => Buffer.from(text, "base64").toString());
		expect(descriptions.filter((text) => text.startsWith("pod-gateway"))).toEqual([]);
	});

	test("each server has a record of its deployment: in a file, in its journal and in the stack's outputs", async () => {
		const { stdout } = await pulumi.run(["stack", "output", "--json"]);
		const { records } = JSON.parse(stdout);
		expect(Object.keys(records).sort()).toEqual(servers.toSorted());
		for (const { name, user = "root" } of site.servers) {
			const record = JSON.parse((await exec(name, ["cat", `/var/lib/pod-gateway/${stackName}/record.json`])).stdout);
			expect(records[name]).toEqual(record);
			expect(record).toMatchObject({ by: `${user}@${site.operator.address}`, stack: stackName, before: "" });
			const journal = await exec(name, ["journalctl", "-t", "pod-gateway", "--no-pager", "-o", "cat"]);
			expect(journal.stdout.split("\n")).toContain(`deployed ${JSON.stringify(record)}`);
		}
	});

	test("a second up changes nothing and does not connect to servers", async () => {
		const connections = await Promise.all(servers.map(logins));
		const { stdout } = await pulumi.run(["up", "--yes", "--skip-preview", "--expect-no-changes"]);
		expect(stdout).toMatch(/\d+ unchanged/);
		expect(await Promise.all(servers.map(logins))).toEqual(connections);
		const preview = await pulumi.run(["preview", "--diff"]);
		expect(linesOf(preview.stdout + preview.stderr), preview.stdout).toBeLessThanOrEqual(60);
	});

	test("a refresh finds no change", async () => {
		const { stdout } = await pulumi.run(["refresh", "--yes", "--expect-no-changes"]);
		expect(stdout).toMatch(/\d+ unchanged/);
		expect(stdout).not.toMatch(/updated/);
	});

	test("debug logs have neither the SSH key nor the kubeconfig's client key", async () => {
		const key = (await readFile(operatorKeyFile(), "utf8")).split("\n")[2] ?? "";
		const signsIn = /client-key-data: (\S{40})/.exec(await readFile(kubeconfigFile(), "utf8"))?.[1] ?? "";
		expect([key.length, signsIn.length]).toEqual([70, 40]);
		for (const flags of [["--debug"], ["--logtostderr", "-v=11"]]) {
			const { stdout, stderr } = await pulumi.run(["preview", ...flags]);
			const log = stdout + stderr;
			expect(log).toContain("RegisterResource");
			expect([log.includes(key), log.includes(signsIn)], flags.join(" ")).toEqual([false, false]);
		}
	});

	test("a label that is added to the settings is added to the node", async () => {
		const [gateway] = settings["pod-gateway:gateways"];
		const labels = { "pod-gateway": "true", rack: "4" };
		await writeStack({ ...settings, "pod-gateway:gateways": [{ ...gateway, labels }] });
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		await writeStack(settings);
		const node = await kubectl(["get", "node", site.gateway.name, "-o", "jsonpath={.metadata.labels}"]);
		expect(JSON.parse(node)).toMatchObject(labels);
		await pulumi.run(["up", "--yes", "--skip-preview"]);
	});

	test("a preview shows a new pod block for each server, and up brings it there", async () => {
		await addBlock("ku13-1", newBlock);
		await appears(site.gateway.name, newBlock);
		const { stdout } = await pulumi.run(["preview", "--diff"]);
		expect(stdout.split("\n").filter((line) => line.trim().startsWith("+") && line.includes(newRoute))).toHaveLength(
			servers.length,
		);
		for (const server of servers) {
			expect(await routes(server)).not.toContain(newBlock);
		}
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		for (const server of servers) {
			expect(await routes(server)).toContain(`${newBlock} via ${site.gateway.address}`);
		}
	});

	test("when a block is removed, up removes its route", async () => {
		await removeBlock("ku13-1", newBlock);
		await disappears(site.gateway.name, newBlock);
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		for (const server of servers) {
			expect(await routes(server)).not.toContain(newBlock);
		}
	});

	test("a change that fails its verification is rolled back on the server, and up says what failed", async () => {
		const inForce = await footprint("ps-resolved");
		const missing = `missing.default.svc.${site.clusterDomain}`;
		const verify = { ...settings["pod-gateway:verify"], pods: [missing], rollbackAfter: 25 };
		await writeStack({ ...settings, "pod-gateway:verify": verify });
		const { exitCode, stdout, stderr } = await pulumi.run(["up", "--yes", "--skip-preview"], { check: false });
		await writeStack(settings);
		expect(exitCode).not.toBe(0);
		expect(stdout + stderr).toContain(missing);
		expect(stdout + stderr).toContain("rolled back");
		expect(await footprint("ps-resolved")).toEqual(inForce);
		await pulumi.run(["up", "--yes", "--skip-preview"]);
	});

	test("a server that is taken off the list is as it was before: byte for byte, route for route", async () => {
		const remaining = settings["pod-gateway:servers"].filter(({ name }) => name !== "ps-nm");
		await writeStack({ ...settings, "pod-gateway:servers": remaining });
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		expect(await footprint("ps-nm")).toEqual(before.get("ps-nm"));
		expect(await isCutOff("ps-nm")).toBe(true);
		expect(await isCutOff("ps-resolved")).toBe(false);
		await writeStack(settings);
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		expect((await checkServer("ps-nm")).filter(({ ok }) => !ok)).toEqual([]);
	});

	test("a dead server does not block its removal; once it is back, it is restored by hand", async () => {
		const spec = outsideHosts.find(({ name }) => name === "ps-nm");
		if (!spec) throw new Error("the site has no ps-nm");
		await powerOff(spec.name);
		await writeStack({
			...settings,
			"pod-gateway:servers": settings["pod-gateway:servers"].filter(({ name }) => name !== spec.name),
		});
		const { stdout } = await pulumi.run(["up", "--yes", "--skip-preview"]);
		expect(stdout).toContain("warning: 10.200.0.32 was not restored");
		await bootHost(spec);
		await exec(spec.name, ["/usr/local/sbin/pod-gateway-host", "restore"]);
		await expect.poll(() => footprint(spec.name), { timeout: 20_000, interval: 1000 }).toEqual(before.get(spec.name));
	});

	test("when an entry gets another machine, the old one is as it was before, and the new one has everything", async () => {
		const all = settings["pod-gateway:servers"];
		const { address, hostKey } = all.find(({ name }) => name === "ps-nm") ?? { address: "", hostKey: "" };
		const others = all.filter(({ name }) => name !== "ps-nm");
		const moved = others.map((server) => (server.name === "ps-ifupdown" ? { ...server, address, hostKey } : server));
		await writeStack({ ...settings, "pod-gateway:servers": moved });
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		expect(await footprint("ps-ifupdown")).toEqual(before.get("ps-ifupdown"));
		expect((await checkServer("ps-nm")).filter(({ ok }) => !ok)).toEqual([]);
		await writeStack({ ...settings, "pod-gateway:servers": others });
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		expect(await footprint("ps-nm")).toEqual(before.get("ps-nm"));
	});

	test("destroy leaves every server as it was, removes the node object and resets the gateway", async () => {
		await pulumi.run(["destroy", "--yes"]);
		for (const server of servers) {
			expect(await settledFootprint(server, before.get(server)), server).toEqual(before.get(server));
			expect(await isCutOff(server), server).toBe(true);
		}
		expect(await kubectl(["get", "nodes", "-o", "name"])).not.toContain(site.gateway.name);
		const left = await exec(
			site.gateway.name,
			["sh", "-c", "ls /etc/kubernetes/*.conf /etc/cni/net.d/* 2>/dev/null; ip route show proto bird"],
			{ check: false },
		);
		expect(left.stdout.trim()).toBe("");
	});

	test("after all of that, no secret is in the state, its history, arguments, or any host's files and journals", async () => {
		const given = await givenSecrets();
		expect([...given.values()].map(({ length }) => length)).toEqual([70, 70, 60, 64]);
		expect(witness.tokens.size).toBeGreaterThan(0);
		const tokens = [...witness.tokens].map((token, index) => [`bootstrap token ${index + 1}`, token] as const);
		// The search finds nothing. The canary shows that it would.
		await exec("ps-nm", ["sh", "-euc", 'cat >/var/tmp/canary; logger -t canary "$(cat /var/tmp/canary)"'], {
			input: canary,
		});
		await writeFile(siteDir("pulumi", "canary"), canary);
		const secrets = new Map([...given, ...tokens]);
		const hits = await searchEverywhere(new Map([...secrets, ["canary", canary]]), witness.commands);
		await exec("ps-nm", ["rm", "/var/tmp/canary"]);
		await rm(siteDir("pulumi", "canary"));
		const places = hits.filter(({ secret }) => secret === "canary").map(({ place }) => place);
		expect(places).toEqual(
			expect.arrayContaining([
				expect.stringMatching(/^the state: .*canary$/),
				"ps-nm: /var/tmp/canary",
				"ps-nm: journal",
				"the arguments of a process",
			]),
		);
		const found = hits.filter(({ secret }) => secret !== "canary");
		process.stderr.write(
			`\n${secrets.size} secrets, ${witness.samples} looks at ${witness.commands.size} command lines: ${found.length} hits\n`,
		);
		expect(found).toEqual([]);
	});
});

function linesOf(text: string): number {
	return text.trimEnd().split("\n").length;
}

async function routes(host: string): Promise<string> {
	return (await exec(host, ["ip", "route"])).stdout;
}

async function appears(host: string, prefix: string): Promise<void> {
	await expect.poll(() => routes(host), { timeout: 60_000, interval: 500 }).toContain(prefix);
}

async function disappears(host: string, prefix: string): Promise<void> {
	await expect.poll(() => routes(host), { timeout: 60_000, interval: 500 }).not.toContain(prefix);
}
