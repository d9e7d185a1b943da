import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { setAllConfig, setMocks } from "@pulumi/pulumi/runtime/index.js";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { makeHostKeyPair } from "../src/remote/hostKeyPair.ts";
import { hostScript } from "../src/remote/hostScript.ts";
import { type ExampleApiServer, exampleApiServer } from "../tests/fixtures/apiServer.ts";
import { exampleCertificates } from "../tests/fixtures/etcd.ts";

/** A resource as the engine gets it, with plain secrets: as in the state, and in clear in Pulumi's debug log. */
interface Registered {
	readonly type: string;
	readonly name: string;
	readonly inputs: Readonly<Record<string, unknown>>;
}

const folder = mkdtempSync(join(tmpdir(), "pod-gateway-registered-"));
const file = (name: string, contents: string) => {
	writeFileSync(join(folder, name), contents, { mode: 0o600 });
	return join(folder, name);
};
const { ca, client } = exampleCertificates();
const keys = { operator: makeHostKeyPair(), bastion: makeHostKeyPair() };
const hostKey = makeHostKeyPair().publicKey;
let server: ExampleApiServer;

beforeAll(async () => {
	server = await exampleApiServer({
		"/api/v1/namespaces/kube-system/configmaps/kubeadm-config": {
			data: {
				ClusterConfiguration:
					"kind: ClusterConfiguration\nkubernetesVersion: v1.34.4\nnetworking: { podSubnet: 192.244.0.0/16, serviceSubnet: 192.96.0.0/16 }\n",
			},
		},
		"/api/v1/namespaces/kube-public/configmaps/cluster-info": {
			data: {
				kubeconfig: JSON.stringify({
					clusters: [
						{
							cluster: {
								server: "https://10.200.0.10:6443",
								"certificate-authority-data": Buffer.from(ca.cert).toString("base64"),
							},
						},
					],
				}),
			},
		},
		"/api/v1/namespaces/kube-system/services/kube-dns": { spec: { clusterIPs: ["192.96.0.10"] } },
	});
});
beforeEach(() => void vi.resetModules());
afterAll(() => {
	server.stop();
	rmSync(folder, { recursive: true });
});

/** Settings with every secret in a file, or with every secret in the settings themselves. */
function settings(inFiles: boolean) {
	const kubeconfig = server.kubeconfig.replace('"current-context":"none"', '"current-context":"one"');
	const given = (key: string, contents: string) =>
		inFiles ? { [`${key}File`]: file(key, contents) } : { [key]: contents };
	const bastion = inFiles
		? { privateKeyFile: file("bastion", keys.bastion.privateKey) }
		: { privateKey: keys.bastion.privateKey };
	const etcd = { ...given("ca", ca.cert), ...given("cert", client.cert), ...given("key", client.key) };
	return {
		cluster: { ...given("kubeconfig", kubeconfig), calicoEtcd: { endpoints: ["https://10.200.0.10:2379"], ...etcd } },
		ssh: {
			...given("privateKey", keys.operator.privateKey),
			bastion: { address: "10.200.0.4", hostKey, ...bastion },
		},
		gateways: [
			{
				name: "gw-1",
				driver: "libvirt",
				address: "10.200.0.20",
				labels: { "pod-gateway": "true", rack: "4" },
				libvirt: {
					hypervisor: { address: "10.200.0.5", hostKey },
					image: { source: "/images/debian.qcow2", sha256: "0".repeat(64) },
					bridge: "br0",
					network: { prefixLength: 24 },
				},
			},
		],
		servers: ["db-1", "db-2"].map((name, index) => ({ name, address: `10.200.0.3${index}`, hostKey })),
	};
}

/** Runs the program as a preview. */
async function registered(inFiles: boolean): Promise<{ resources: readonly Registered[]; everything: string }> {
	const resources: Registered[] = [];
	const outputs: unknown[] = [];
	await setMocks(
		{
			newResource: ({ type, name, inputs }) => {
				resources.push({ type, name, inputs });
				// A tool of this program makes the key. It is in the state, and nowhere else.
				return {
					id: name,
					state: name === "gw-1-host-key" ? { ...inputs, stdout: JSON.stringify(hostKeyPair) } : inputs,
				};
			},
			call: () => ({}),
		},
		"pod-gateway",
		"lab",
		true,
	);
	const registerOutputs = vi
		.spyOn(pulumi.ComponentResource.prototype as unknown as { registerOutputs(of: unknown): void }, "registerOutputs")
		.mockImplementation((of) => void outputs.push(of));
	const own = Object.entries(settings(inFiles)).map(([key, value]) => [`pod-gateway:${key}`, JSON.stringify(value)]);
	setAllConfig(Object.fromEntries(own));
	await import("../index.ts");
	// The program has finished once the engine has every resource.
	await vi.waitFor(() => expect(resources.map(({ name }) => name)).toContain("db-2-network"), { timeout: 20_000 });
	registerOutputs.mockRestore();
	const known = outputs.map(
		(of) => new Promise((resolve) => pulumi.output(of as object).apply(resolve) && setTimeout(resolve, 500)),
	);
	return { resources, everything: JSON.stringify([resources, await Promise.all(known)]) };
}

const hostKeyPair = { privateKey: "THE VM'S HOST KEY", publicKey: hostKey };

/** A part of a secret that JSON does not escape, even nested JSON. */
function middle(text: string): string {
	return text.split("\n")[Math.floor(text.split("\n").length / 2)] ?? "";
}

const secrets = () => [
	["the operator's key", middle(keys.operator.privateKey)],
	["the bastion's key", middle(keys.bastion.privateKey)],
	["the client's key for etcd", middle(client.key)],
	["the kubeconfig's user", "insecure-skip-tls-verify"],
];

test("secrets in files do not reach the engine", async () => {
	const { resources, everything } = await registered(true);
	for (const [what, text = ""] of secrets()) {
		expect(text.length, what).toBeGreaterThan(5);
		expect(everything.includes(text), what).toBe(false);
	}
	expect(everything).toContain(join(folder, "privateKey"));
	const of = (name: string) => resources.find((resource) => resource.name === name);
	// This version makes every server run a new version of the script.
	const { version } = hostScript("server-network.sh");
	expect(JSON.stringify(of("db-1-network")?.inputs["environment"])).toContain(`"POD_GATEWAY_SCRIPT":"${version}"`);
	// A provider's inputs are JSON.
	expect(of("cluster")?.inputs["kubeconfig"]).toBe(join(folder, "kubeconfig"));
	expect(resources.map(({ type, name }) => `${type} ${name}`).sort()).toMatchInlineSnapshot(`
		[
		  "command:local:Command db-1-network",
		  "command:local:Command db-1-restore",
		  "command:local:Command db-2-network",
		  "command:local:Command db-2-restore",
		  "command:local:Command gw-1-host-key",
		  "command:local:Command gw-1-node",
		  "command:local:Command gw-1-vm",
		  "kubernetes:core/v1:NodePatch gw-1-labels",
		  "pod-gateway:index:ClusterFacts facts",
		  "pod-gateway:index:GatewayNode gw-1",
		  "pod-gateway:index:GatewayVm gw-1",
		  "pod-gateway:index:PhysicalServer db-1",
		  "pod-gateway:index:PhysicalServer db-2",
		  "pod-gateway:index:RouteSurvey gw-1",
		  "pulumi:providers:kubernetes cluster",
		]
	`);
	expect(of("gw-1-labels")?.inputs).toMatchObject({
		metadata: { name: "gw-1", labels: { "pod-gateway": "true", rack: "4" } },
	});
}, 60_000);

test("a secret in the settings only reaches the engine as a secret", async () => {
	const { resources, everything } = await registered(false);
	const secret = "4dabf18193072939515e22adb298388d";
	const inClear = JSON.stringify(resources, (_, value) =>
		typeof value === "object" && value !== null && secret in value ? "[secret]" : value,
	);
	for (const [what, text = ""] of secrets()) {
		expect(everything.includes(text), what).toBe(true);
		expect(inClear.includes(text), what).toBe(false);
	}
}, 60_000);
