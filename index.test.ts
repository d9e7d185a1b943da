import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeHostKeyPair } from "./src/remote/hostKeyPair.ts";
import { hostScript } from "./src/remote/hostScript.ts";
import { type ExampleApiServer, exampleApiServer, kubeadmAnswers } from "./tests/fixtures/apiServer.ts";
import { type ExampleEngine, exampleEngine, UNKNOWN } from "./tests/fixtures/engine.ts";
import { exampleCertificates } from "./tests/fixtures/etcd.ts";
import { configure, HOST_KEY, libvirtGateway, middle, twoServers } from "./tests/fixtures/stackFile.ts";

const folder = mkdtempSync(join(tmpdir(), "pod-gateway-program-"));
const file = (name: string, contents: string) => {
	writeFileSync(join(folder, name), contents, { mode: 0o600 });
	return join(folder, name);
};
const { ca, client } = exampleCertificates();
const keys = { operator: makeHostKeyPair(), bastion: makeHostKeyPair(), vm: makeHostKeyPair() };
let server: ExampleApiServer;
/** Where every secret is in a file; where every one is in the settings; where the gateway has a spare address, too. */
let inFiles: ExampleEngine;
let inSettings: ExampleEngine;
let sideBySide: ExampleEngine;

beforeAll(async () => {
	server = await exampleApiServer(kubeadmAnswers(ca.cert));
	const labels = { "pod-gateway": "true", rack: "4" };
	inFiles = await previewed(true, { ...libvirtGateway, labels });
	inSettings = await previewed(false, libvirtGateway);
	sideBySide = await previewed(false, { ...libvirtGateway, spareAddress: "10.200.0.21" });
});
afterAll(() => {
	server.stop();
	rmSync(folder, { recursive: true });
});

/** The settings with every secret in a file, or with every one of them in the settings. */
function settings(files: boolean, gateway: object) {
	const kubeconfig = server.kubeconfig.replace('"current-context":"none"', '"current-context":"one"');
	const given = (key: string, contents: string, name = key) =>
		files ? { [`${key}File`]: file(name, contents) } : { [key]: contents };
	const etcd = { ...given("ca", ca.cert), ...given("cert", client.cert), ...given("key", client.key) };
	const bastion = given("privateKey", keys.bastion.privateKey, "bastion");
	return {
		cluster: { ...given("kubeconfig", kubeconfig), calicoEtcd: { endpoints: ["https://10.200.0.10:2379"], ...etcd } },
		ssh: {
			...given("privateKey", keys.operator.privateKey),
			bastion: { address: "10.200.0.4", hostKey: HOST_KEY, ...bastion },
		},
		gateways: [gateway],
		servers: twoServers,
	};
}

let runs = 0;

/** Runs the program as a preview does. Made by a tool of ours, the VM's host key is in the state, and nowhere else. */
async function previewed(files: boolean, gateway: object): Promise<ExampleEngine> {
	const engine = await exampleEngine({
		preview: true,
		said: { "gw-1-host-key": { stdout: JSON.stringify(keys.vm) }, "gw-1-slot": { stdout: "a" } },
	});
	configure(settings(files, gateway));
	// A module runs once: under another address it is another one.
	const program = `./index.ts?${++runs}`;
	await engine.run(() => import(program));
	return engine;
}

const secrets = [
	["the operator's key", middle(keys.operator.privateKey)],
	["the bastion's key", middle(keys.bastion.privateKey)],
	["the client's key for etcd", middle(client.key)],
	["the kubeconfig's user", "insecure-skip-tls-verify"],
] as const;

test("a state knows what is registered by these names: under others it would be made anew", () => {
	const inside = "urn:pulumi:lab::pod-gateway::";
	expect(inFiles.resources.map(({ urn }) => urn.replace(inside, "")).sort()).toEqual([
		"pod-gateway:index:ClusterFacts::facts",
		"pod-gateway:index:GatewayNode$command:local:Command::gw-1-node",
		"pod-gateway:index:GatewayNode$kubernetes:core/v1:NodePatch::gw-1-labels",
		"pod-gateway:index:GatewayNode::gw-1",
		"pod-gateway:index:GatewayVm$command:local:Command::gw-1-host-key",
		"pod-gateway:index:GatewayVm$command:local:Command::gw-1-vm",
		"pod-gateway:index:GatewayVm::gw-1",
		"pod-gateway:index:PhysicalServer$command:local:Command::db-1-network",
		"pod-gateway:index:PhysicalServer$command:local:Command::db-1-restore",
		"pod-gateway:index:PhysicalServer$command:local:Command::db-2-network",
		"pod-gateway:index:PhysicalServer$command:local:Command::db-2-restore",
		"pod-gateway:index:PhysicalServer::db-1",
		"pod-gateway:index:PhysicalServer::db-2",
		"pod-gateway:index:RouteSurvey::gw-1",
		"pulumi:providers:kubernetes::cluster",
	]);
	for (const { name, urn, parent } of inFiles.resources) {
		const topmost = !urn.includes("$");
		expect(parent.endsWith("::pod-gateway-lab"), name).toBe(topmost);
	}
});

describe("secrets", () => {
	test("that are in files reach the engine as the files' paths", () => {
		const everything = inFiles.everything();
		for (const [what, text] of secrets) {
			expect(text.length, what).toBeGreaterThan(5);
			expect(everything.includes(text), what).toBe(false);
		}
		expect(everything).toContain(join(folder, "privateKey"));
		expect(everything).toContain(join(folder, "bastion"));
		expect(inFiles.of("cluster").inputs["kubeconfig"]).toBe(join(folder, "kubeconfig"));
	});

	test("that are in the settings reach the engine as secrets only, and no output has one", () => {
		for (const [what, text] of [...secrets, ["the VM's key", middle(keys.vm.privateKey)] as const]) {
			expect(inSettings.everything().includes(text), what).toBe(true);
			expect(inSettings.inClear().includes(text), what).toBe(false);
			expect(JSON.stringify(inSettings.outputs).includes(text), what).toBe(false);
		}
	});
});

describe("on the way out", () => {
	test("a server is restored, then its gateway leaves the cluster, then the VM goes", () => {
		for (const server of ["db-1", "db-2"]) {
			const way = [`${server}-network`, `${server}-restore`, "gw-1-node", "gw-1-vm", "gw-1-host-key"];
			for (const [index, later] of way.entries()) {
				for (const earlier of way.slice(index + 1)) {
					expect(inFiles.waits(later, earlier), `${later} goes before ${earlier}`).toBe(true);
					expect(inFiles.waits(earlier, later), `${earlier} goes before ${later}`).toBe(false);
				}
			}
		}
	});

	test("nothing is left behind but the labels, which go with the Node object", () => {
		for (const engine of [inFiles, sideBySide]) {
			const kept = engine.resources.filter(({ options }) => options["retainOnDelete"] ?? options["protect"]);
			expect(kept.map(({ name }) => name)).toEqual(["gw-1-labels"]);
		}
	});
});

test("servers wait for the gateway, and for no other server: one that fails holds up none", () => {
	for (const one of ["network", "restore"]) {
		for (const other of ["network", "restore"]) {
			expect(inFiles.waits(`db-1-${one}`, `db-2-${other}`)).toBe(false);
			expect(inFiles.waits(`db-2-${one}`, `db-1-${other}`)).toBe(false);
		}
	}
	// What goes to a server comes of a gateway that has joined.
	expect(inFiles.of("db-1-network").inputsFrom["stdin"]).toContain("gw-1-node");
});

test("with a spare address, the servers are moved to the next gateway before the old one goes", () => {
	// The engine removes what was replaced at the end, once all that waits for the new one is as it is to be.
	for (const name of ["gw-1-vm", "gw-1-node"]) {
		expect(sideBySide.of(name).options["deleteBeforeReplace"], name).toBe(false);
		expect(inFiles.of(name).options["deleteBeforeReplace"], name).toBe(true);
	}
	expect(sideBySide.waits("db-1-network", "gw-1-node")).toBe(true);
	expect(sideBySide.waits("gw-1-node", "gw-1-vm")).toBe(true);
	expect(sideBySide.waits("gw-1-vm", "gw-1-slot")).toBe(true);
});

test("what changes is never hidden or ignored", () => {
	for (const { name, options } of [inFiles, sideBySide].flatMap(({ resources }) => resources)) {
		for (const option of ["ignoreChanges", "hideDiffs", "aliases", "import"]) {
			expect(options, name).not.toHaveProperty(option);
		}
	}
});

test("every server gets a new version of the script", () => {
	const { version } = hostScript("server-network.sh");
	for (const server of ["db-1", "db-2"]) {
		expect(inFiles.of(`${server}-network`).inputs["environment"]).toMatchObject({ POD_GATEWAY_SCRIPT: version });
	}
});

test("the gateway's labels are those of the settings", () => {
	expect(inFiles.of("gw-1-labels").inputs).toMatchObject({
		metadata: { name: "gw-1", labels: { "pod-gateway": "true", rack: "4" } },
	});
});

test("a preview says, in clear, where the gateway will be and what the cluster is, and what it does not know yet", () => {
	expect(inSettings.outputs).toEqual({
		gateways: { "gw-1": { node: "gw-1", addresses: ["10.200.0.20"] } },
		ranges: {
			...{ pods: ["192.244.0.0/16"], services: ["192.96.0.0/16"] },
			...{ nameservers: ["192.96.0.10"], domain: "cluster.local" },
		},
		podRoutes: [UNKNOWN],
		servers: { "db-1": UNKNOWN, "db-2": UNKNOWN },
		records: { "db-1": UNKNOWN, "db-2": UNKNOWN },
	});
});
