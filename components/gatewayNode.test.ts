import { beforeAll, describe, expect, test } from "vitest";
import { clusterProvider } from "../src/kube/provider.ts";
import { makeHostKeyPair } from "../src/remote/hostKeyPair.ts";
import { exampleEngine, UNKNOWN } from "../tests/fixtures/engine.ts";
import { exampleFacts, knownFacts } from "../tests/fixtures/facts.ts";
import { exampleConfig, exampleSecrets, existingGateway, libvirtGateway } from "../tests/fixtures/stackFile.ts";
import { GatewayMachine } from "./gatewayMachine.ts";
import { GatewayNode } from "./gatewayNode.ts";

const said = {
	"gw-1-host-key": { stdout: JSON.stringify(makeHostKeyPair()) },
	"gw-1-slot": { stdout: "a" },
	"gw-1-vm": { stdout: "the VM's identity" },
};

/** Registers a gateway's machine and node. */
async function registered(
	gateway: Readonly<Record<string, unknown>>,
	{ facts = exampleFacts, preview = false }: { facts?: typeof exampleFacts; preview?: boolean } = {},
) {
	const engine = await exampleEngine(preview ? { preview } : { said });
	const config = exampleConfig({ gateways: [gateway] });
	const [settings] = config.gateways;
	if (!settings) throw new Error("there is no gateway");
	const { cluster, reach } = config;
	await engine.run(() => {
		const known = knownFacts(facts);
		const machine = new GatewayMachine("gw-1", { gateway: settings, reach, facts: known });
		const provider = clusterProvider(cluster);
		new GatewayNode("gw-1", { gateway: settings, machine, cluster, facts: known, provider });
	});
	const component = engine.of("gw-1", "pod-gateway:index:GatewayNode");
	return { engine, component, node: engine.of("gw-1-node"), labels: engine.of("gw-1-labels") };
}

let existing: Awaited<ReturnType<typeof registered>>;
let vm: typeof existing;

beforeAll(async () => {
	existing = await registered({ ...existingGateway, labels: { rack: "4" } });
	vm = await registered(libvirtGateway);
});

/** What the tool that joins reads on its standard input. */
function requestOf({ node }: typeof existing) {
	const { secret } = node.inputs["stdin"] as { secret: string };
	return JSON.parse(secret);
}

test("a node is a command and a patch, which a state knows by these names", () => {
	const { engine, component, node, labels } = existing;
	expect(component.urn).toBe("urn:pulumi:lab::pod-gateway::pod-gateway:index:GatewayNode::gw-1");
	expect([node.parent, labels.parent]).toEqual([component.urn, component.urn]);
	const inside = "urn:pulumi:lab::pod-gateway::pod-gateway:index:GatewayNode$";
	expect(node.urn).toBe(`${inside}command:local:Command::gw-1-node`);
	expect(labels.urn).toBe(`${inside}kubernetes:core/v1:NodePatch::gw-1-labels`);
	expect(engine.resources.filter(({ parent }) => parent === component.urn)).toHaveLength(2);
});

test("a node leaves its cluster before its VM goes", () => {
	expect(vm.engine.waits("gw-1-node", "gw-1-vm")).toBe(true);
	expect(vm.engine.waits("gw-1-vm", "gw-1-node")).toBe(false);
});

test("it joins and leaves by command lines that say nothing of it: what they need is a secret on standard input", () => {
	expect(existing.node.inputs).toEqual({
		stdin: { secret: expect.any(String) },
		create: "exec node --import tsx tools/gateway-node.ts join",
		delete: "exec node --import tsx tools/gateway-node.ts leave",
		triggers: ["10.200.0.20", "gw-1"],
		logging: "stderr",
	});
	expect(requestOf(existing)).toMatchObject({
		cluster: { endpoint: "10.200.0.10:6443", caCertHashes: exampleFacts.caCertHashes },
		node: { name: "gw-1", addresses: [{ text: "10.200.0.20" }] },
		software: { version: "1.34", repository: expect.stringContaining("/v1.34/") },
		...{ masquerade: [], machine: { host: "10.200.0.20" }, disposable: false, takeOver: false },
	});
});

test("neither a key nor the kubeconfig is in clear: not with the node, not with the cluster's provider", () => {
	for (const [what, text] of exampleSecrets) {
		expect(vm.engine.everything(), what).toContain(text);
		expect(vm.engine.inClear(), what).not.toContain(text);
	}
	expect(vm.engine.of("cluster").inputs["kubeconfig"]).toEqual({ secret: exampleSecrets.at(-1)?.[1] });
});

describe("a node joins anew", () => {
	test.each([
		["at another address", { address: "10.200.0.22" }],
		["under another name", { nodeName: "another" }],
	])("%s", async (_, own) => {
		const { node } = await registered({ ...existingGateway, ...own });
		expect(node.inputs["triggers"]).not.toEqual(existing.node.inputs["triggers"]);
		expect(node.options["replaceOnChanges"]).toEqual(["triggers[*]"]);
	});

	test("where its VM is another one", () => {
		expect(vm.node.inputs["triggers"]).toEqual(["the VM's identity", "gw-1"]);
		expect(vm.node.inputsFrom["triggers"]).toContain("gw-1-vm");
	});
});

test.each([
	["its settings change", { drainTimeout: 10, masquerade: true, labels: {}, taint: "a=b:NoExecute" }, exampleFacts],
	["its cluster is upgraded", {}, { ...exampleFacts, kubernetesVersion: "1.35", endpoint: "10.200.0.11:6443" }],
])("a gateway in use is not drained where %s", async (_, own, facts) => {
	const { node } = await registered({ ...existingGateway, ...own }, { facts });
	expect(node.inputs["triggers"]).toEqual(existing.node.inputs["triggers"]);
	expect(node.options).toEqual(existing.node.options);
	expect(node.inputs["stdin"]).not.toEqual(existing.node.inputs["stdin"]);
});

test("the old node has left before the next one joins, but where the next machine is there first", async () => {
	const beside = await registered({ ...libvirtGateway, spareAddress: "10.200.0.21" });
	const order = (deleteBeforeReplace: boolean) => ({ deleteBeforeReplace, replaceOnChanges: ["triggers[*]"] });
	expect(existing.node.options).toEqual(order(true));
	expect(vm.node.options).toEqual(order(true));
	expect(beside.node.options).toEqual(order(false));
});

test("labels are set once the node has joined, by the cluster's own provider, whoever else has set them", () => {
	expect(existing.labels.inputs).toMatchObject({
		metadata: { name: "gw-1", labels: { rack: "4" }, annotations: { "pulumi.com/patchForce": "true" } },
	});
	expect(existing.labels.provider).toBe("cluster");
	expect(existing.labels.dependencies).toContain("gw-1-node");
});

test("labels go with the Node object: removing the patch asks nothing of a cluster that may be gone", () => {
	expect(existing.labels.options).toEqual({ retainOnDelete: true });
});

test("its name is known once it has joined, so that nobody surveys it before", async () => {
	expect(existing.component.outputs).toEqual({ nodeName: "gw-1" });
	const { component } = await registered(existingGateway, { preview: true });
	expect(component.outputs).toEqual({ nodeName: UNKNOWN });
});

test("a gateway that masquerades is told the pods' ranges", async () => {
	const { masquerade } = requestOf(await registered({ ...existingGateway, masquerade: true }));
	expect(masquerade).toEqual(["192.244.0.0/16"]);
});
