import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { makeHostKeyPair } from "../src/remote/hostKeyPair.ts";
import { comesOf, exampleEngine } from "../tests/fixtures/engine.ts";
import { exampleFacts, knownFacts } from "../tests/fixtures/facts.ts";
import {
	exampleConfig,
	exampleSecrets,
	existingGateway,
	HOST_KEY,
	libvirtGateway,
	middle,
} from "../tests/fixtures/stackFile.ts";
import { GatewayMachine } from "./gatewayMachine.ts";

const hostKey = makeHostKeyPair();
const spare = { ...libvirtGateway, spareAddress: "10.200.0.21" };

/** Registers the machine of a gateway. */
async function register(gateway: Readonly<Record<string, unknown>>, facts = knownFacts()) {
	const engine = await exampleEngine({
		said: {
			"gw-1-host-key": { stdout: JSON.stringify(hostKey) },
			"gw-1-slot": { stdout: "b" },
			"gw-1-vm": { stdout: "the VM's identity" },
		},
	});
	const config = exampleConfig({ gateways: [gateway] });
	const [settings] = config.gateways;
	if (!settings) throw new Error("there is no gateway");
	let machine: GatewayMachine | undefined;
	const over = engine.run(() => {
		machine = new GatewayMachine("gw-1", { gateway: settings, reach: config.reach, facts });
	});
	return { engine, over, machine: () => machine ?? expect.fail("there is no machine") };
}

async function registered(gateway: Readonly<Record<string, unknown>>) {
	const { engine, over, machine } = await register(gateway);
	await over;
	const component = engine.of("gw-1");
	const children = engine.resources.filter(({ parent }) => parent === component.urn);
	return { engine, machine: machine(), component, names: children.map(({ name }) => name).sort() };
}

let existing: Awaited<ReturnType<typeof registered>>;
let vm: typeof existing;
let vmWithSpare: typeof existing;

beforeAll(async () => {
	existing = await registered(existingGateway);
	vm = await registered(libvirtGateway);
	vmWithSpare = await registered(spare);
});

describe("a machine that is there already", () => {
	test("is no resource but the component, which a state knows by this name", () => {
		expect(existing.engine.resources.map(({ urn }) => urn)).toEqual([
			"urn:pulumi:lab::pod-gateway::pod-gateway:index:GatewayVm::gw-1",
		]);
		expect(existing.component.outputs).toEqual({ address: "10.200.0.20", hostKey: HOST_KEY, nodeName: "gw-1" });
	});

	test("is told from another one by its address, and is neither removed nor made beside another", async () => {
		expect(await comesOf(existing.machine.identity)).toBe("10.200.0.20");
		expect([existing.machine.sideBySide, existing.machine.disposable]).toEqual([false, false]);
	});
});

test("what a machine is called and where it is are in clear, how to log in is a secret", async () => {
	for (const { machine } of [existing, vm]) {
		const open: pulumi.Output<unknown>[] = [machine.nextHop, machine.nodeName, machine.kubeletVersion];
		expect(await Promise.all(open.map((output) => pulumi.isSecret(output)))).toEqual([false, false, false]);
		expect(await pulumi.isSecret(machine.target)).toBe(true);
		expect(await comesOf(machine.target)).toMatchObject({ host: "10.200.0.20", bastion: { host: "10.200.0.4" } });
	}
});

describe("a VM", () => {
	test("shows where it is and its public host key, though the key was made with a secret", () => {
		expect(vm.component.outputs).toEqual({ address: "10.200.0.20", hostKey: hostKey.publicKey, nodeName: "gw-1" });
	});

	test("and its host key are the component's, and a state knows them by these names", () => {
		expect(vm.names).toEqual(["gw-1-host-key", "gw-1-vm"]);
		const inside = "urn:pulumi:lab::pod-gateway::pod-gateway:index:GatewayVm$command:local:Command::";
		for (const name of vm.names) expect(vm.engine.of(name).urn).toBe(`${inside}${name}`);
	});

	test("has a host key that is made before it and outlives it, so that every connection is verified", () => {
		expect(vm.engine.waits("gw-1-vm", "gw-1-host-key")).toBe(true);
		expect(vm.engine.waits("gw-1-host-key", "gw-1-vm")).toBe(false);
		// There is nothing in it that a change of the settings would change.
		expect(vm.engine.of("gw-1-host-key").inputs).toEqual({
			create: "exec node --import tsx tools/gateway-vm.ts host-key",
			...{ logging: "none", addPreviousOutputInEnv: false },
		});
	});

	test("has no private key in clear: not the operator's, not the bastion's, not its own, which is printed", () => {
		expect(vm.engine.of("gw-1-host-key").options["additionalSecretOutputs"]).toEqual(["stdout"]);
		const keys = exampleSecrets.filter(([what]) => what.includes("key"));
		for (const [what, text] of [...keys, ["the VM's key", middle(hostKey.privateKey)] as const]) {
			expect(vm.engine.everything(), what).toContain(text);
			expect(vm.engine.inClear(), what).not.toContain(text);
		}
		expect(vm.engine.of("gw-1-vm").inputs["stdin"]).toEqual({ secret: expect.stringContaining('"hypervisor"') });
	});

	test("is made, mended and removed by command lines that say nothing of it, for a process list shows them", () => {
		const { create, update, delete: remove } = vm.engine.of("gw-1-vm").inputs;
		const tool = (verb: string) => `exec node --import tsx tools/gateway-vm.ts ${verb}`;
		expect([create, update, remove]).toEqual(["create", "ensure", "delete"].map(tool));
	});

	test("with the only address goes before the next one comes", () => {
		expect(vm.engine.of("gw-1-vm").options["deleteBeforeReplace"]).toBe(true);
		expect(vm.machine.sideBySide).toBe(false);
	});

	test("is made once the cluster is known, whose kubelet it gets", async () => {
		let say: (facts: typeof exampleFacts) => void = () => {};
		const said = new Promise<typeof exampleFacts>((resolve) => {
			say = resolve;
		});
		const { engine, over, machine } = await register(libvirtGateway, knownFacts(said));
		const names = () => engine.resources.map(({ name }) => name);
		await vi.waitFor(() => expect(names()).toContain("gw-1-host-key"));
		expect(names()).not.toContain("gw-1-vm");
		say({ ...exampleFacts, kubernetesVersion: "1.33" });
		await over;
		expect(names()).toContain("gw-1-vm");
		expect(await comesOf(machine().kubeletVersion)).toBe("1.33");
	});
});

describe("a VM with a spare address", () => {
	test("has the place that it takes for a resource, and is called by it", () => {
		expect(vmWithSpare.names).toEqual(["gw-1-host-key", "gw-1-slot", "gw-1-vm"]);
		expect(vmWithSpare.component.outputs).toMatchObject({ address: "10.200.0.21", nodeName: "gw-1-b" });
	});

	test("is there before the old one goes, and knows its place first", () => {
		const { engine, machine } = vmWithSpare;
		expect(machine.sideBySide).toBe(true);
		expect(engine.of("gw-1-vm").options["deleteBeforeReplace"]).toBe(false);
		expect(engine.waits("gw-1-vm", "gw-1-slot")).toBe(true);
		// The same resource prints each place in turn: one that is replaced would print the first again.
		expect(engine.of("gw-1-slot").inputs["triggers"]).toBeUndefined();
		expect(engine.of("gw-1-slot").options).toEqual({ replaceOnChanges: ["triggers[*]"] });
	});
});

/** The VM's resource with these settings. */
async function vmOf(own: Readonly<Record<string, unknown>>) {
	const { engine } = await registered({ ...libvirtGateway, libvirt: { ...libvirtGateway.libvirt, ...own } });
	return engine.of("gw-1-vm");
}

test.each([{ memory: 4096 }, { disk: 40 }, { bridge: "br1" }, { generation: 2 }])(
	"another definition is another VM: %o",
	async (own) => {
		const { inputs, options } = await vmOf(own);
		expect(inputs["triggers"]).not.toEqual(vm.engine.of("gw-1-vm").inputs["triggers"]);
		expect(options["replaceOnChanges"]).toEqual(["triggers[*]"]);
	},
);

test.each([
	["how long it may boot", { bootTimeout: 600 }],
	["how its hypervisor is reached", { hypervisor: { ...libvirtGateway.libvirt.hypervisor, ssh: { port: 2222 } } }],
	["who may log in", { authorizedKeys: ["ssh-ed25519 AAAA"] }],
])("%s is told the VM that is there", async (_, own) => {
	const [before, { inputs }] = [vm.engine.of("gw-1-vm"), await vmOf(own)];
	expect(inputs["triggers"]).toEqual(before.inputs["triggers"]);
	expect(inputs["stdin"]).not.toEqual(before.inputs["stdin"]);
});

test("nothing of a machine is kept, hidden or left behind when the gateway is removed", () => {
	for (const { name, options } of [vm, vmWithSpare].flatMap(({ engine }) => engine.resources)) {
		for (const option of ["retainOnDelete", "protect", "ignoreChanges", "hideDiffs", "deletedWith"]) {
			expect(options, name).not.toHaveProperty(option);
		}
	}
});
