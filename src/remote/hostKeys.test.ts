import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { must } from "../../tests/fixtures/arbitraries.ts";
import { exampleRequest } from "../../tests/fixtures/nodeRequest.ts";
import { type ExampleSshd, exampleSshd } from "../../tests/fixtures/sshd.ts";
import { exampleRequest as exampleVmRequest } from "../../tests/fixtures/vmRequest.ts";
import { parsePrefix } from "../core/values/prefix.ts";
import { Hypervisor } from "../drivers/libvirt/hypervisor.ts";
import { removeVm } from "../drivers/libvirt/remove.ts";
import { joinMachine, readMachineState, resetMachine } from "../node/machine.ts";
import { prepareMachine } from "../node/prepare.ts";
import { readRoutes } from "../survey/routes.ts";
import { restoreServer } from "./restoreServer.ts";
import { runScript } from "./shell.ts";
import { HostKeyError } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

const running: ExampleSshd[] = [];

beforeEach(() => void vi.stubEnv("SSH_AUTH_SOCK", ""));
afterEach(async () => {
	vi.unstubAllEnvs();
	for (const one of running.splice(0)) await one.stop();
});

async function sshd(): Promise<ExampleSshd> {
	const server = await exampleSshd({});
	running.push(server);
	return server;
}

/** Everything that the program does with a machine of each kind. */
const software = {
	apiServer: "v1.34.4",
	kubernetesVersion: "v1.34.4",
	imageRepository: "x",
	cgroupDriver: "systemd",
} as const;
const pods = [must(parsePrefix("10.244.0.0/16"))];
const noBlocks = async () => ({ blocks: [], owners: undefined, pools: [], notes: [] });
const silent = () => {};
const vm = (hypervisor: SshTarget) => ({ ...exampleVmRequest, hypervisor });
const acts: readonly (readonly [string, string, (target: SshTarget) => Promise<unknown>])[] = [
	["server", "is restored", (target) => restoreServer(target, silent)],
	["gateway", "is asked what it is", (machine) => readMachineState(machine, "gw-1", [])],
	[
		"gateway",
		"is prepared",
		(machine) => prepareMachine({ ...exampleRequest, machine }, { software, askKubelet: false }),
	],
	[
		"gateway",
		"is joined",
		(machine) => joinMachine(machine, "token: abcdef.0123456789abcdef", "abcdef.0123456789abcdef"),
	],
	["gateway", "is reset", resetMachine],
	["gateway", "has its routes read", (target) => readRoutes(target, pods, 1, noBlocks)],
	["hypervisor", "is asked for a VM", (target) => new Hypervisor(vm(target), runScript).state()],
	["hypervisor", "makes a VM", (target) => new Hypervisor(vm(target), runScript).create("a private key")],
	["hypervisor", "removes a VM", (target) => removeVm(vm(target), "gw-1-abc", silent)],
];

/** Each fault of a host key, and the target that results. */
const faults: readonly (readonly [string, (machine: ExampleSshd) => Promise<SshTarget>])[] = [
	["wrong", async ({ target }) => ({ ...target, hostKey: (await sshd()).target.hostKey })],
	["missing", async ({ target }) => ({ ...target, hostKey: "" })],
	[
		"changed",
		async (machine) => {
			await runScript(machine.target, { name: "true", text: "true" }, { timeout: 5 }).catch(silent);
			machine.changeHostKey("ed25519");
			return machine.target;
		},
	],
	[
		"another type's",
		async (machine) => {
			machine.changeHostKey("ecdsa");
			return machine.target;
		},
	],
];

describe.each(faults)("a host key that is %s", (fault, targetOf) => {
	/** What the machine sees: a connection, unless there is no key to compare with. */
	const nothing = fault === "missing" ? [] : ["connection"];

	test.each(acts)("of a %s that %s: nothing is sent", async (_, __, act) => {
		const machine = await sshd();
		const target = await targetOf(machine);
		const before = machine.seen().length;
		await expect(act(target)).rejects.toThrow(/host key/);
		expect(machine.seen().slice(before)).toEqual(nothing);
	});

	const oneOfEach = acts.filter(([kind], index) => acts.findIndex(([other]) => other === kind) === index);
	test.each(oneOfEach)(
		"of a bastion before a %s that %s: nothing is sent, and nothing passes the bastion",
		async (_, __, act) => {
			const [bastion, machine] = [await sshd(), await sshd()];
			const target = { ...machine.target, bastion: await targetOf(bastion) };
			const before = bastion.seen().length;
			await expect(act(target)).rejects.toThrow(/host key/);
			expect(bastion.seen().slice(before)).toEqual(nothing);
			expect(machine.seen()).toEqual([]);
		},
	);

	test("of a machine behind a bastion: the bastion forwards the connection, and runs nothing", async () => {
		const [bastion, machine] = [await sshd(), await sshd()];
		const target = { ...(await targetOf(machine)), bastion: bastion.target };
		const before = machine.seen().length;
		const error = await runScript(target, { name: "true", text: "true" }, { timeout: 5 }).catch((reason) => reason);
		expect(error.message).toContain("host key");
		if (fault !== "missing") expect(error).toBeInstanceOf(HostKeyError);
		expect(machine.seen().slice(before)).toEqual(nothing);
		expect(bastion.seen()).not.toContain("exec");
		if (fault === "missing") expect(bastion.seen()).toEqual([]);
	});
});

test("with the right key the login and the command arrive, which are missing above", async () => {
	const { target, seen } = await sshd();
	await expect(runScript(target, { name: "true", text: "true" }, { timeout: 5 })).rejects.toThrow("did not run true");
	expect(seen()).toEqual(expect.arrayContaining(["connection", "authentication", "exec"]));
});
