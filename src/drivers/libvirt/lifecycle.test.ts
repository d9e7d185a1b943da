import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { exampleRequest } from "../../../tests/fixtures/vmRequest.ts";
import type { Run } from "../../remote/shell.ts";
import { ConnectionError, type RemoteResult } from "../../remote/ssh.ts";
import { createVm, ensureVm } from "./create.ts";
import { removeVm } from "./remove.ts";
import { digestOf } from "./vm/describe.ts";

const HYPERVISOR = exampleRequest.hypervisor.host;
const digest = digestOf(exampleRequest.definition);
const silence = new ConnectionError("cannot connect to 10.200.0.20 as root: connect EHOSTUNREACH");

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

type Answer = Partial<RemoteResult> | Error;

/** A site. @param script the hypervisor's answer to each action. @param machine the VM's answers in order; the last one repeats. */
function site({ script = {}, machine = [{}] }: { script?: Record<string, Answer>; machine?: readonly Answer[] }) {
	const events: string[] = [];
	const lines: string[] = [];
	const answers = [...machine];
	const run: Run = async (target, { name }, { args = [] }) => {
		let answer: Answer;
		if (target.host === HYPERVISOR) {
			const [, , verb = name, , ...options] = args;
			const action = [verb, ...options].join(" ");
			events.push(action);
			answer = script[action] ?? {};
		} else {
			const what = name === "true" ? "ssh" : "cloud-init";
			answer = answers.length > 1 ? (answers.shift() ?? {}) : (answers[0] ?? {});
			events.push(answer instanceof Error ? `no ${what}` : what);
		}
		if (answer instanceof Error) throw answer;
		return { stdout: "", stderr: "", exitCode: 0, ...answer };
	};
	const report = (line: string) => void lines.push(line);
	/** Runs the work with fake time, so that waiting takes none. */
	const through = async <T>(work: Promise<T>): Promise<T> => {
		const settled = work.then(
			(value) => () => value,
			(error: unknown) => () => {
				throw error;
			},
		);
		await vi.advanceTimersByTimeAsync(600_000);
		return (await settled)();
	};
	return {
		events,
		lines,
		create: () => through(createVm(exampleRequest, report, run)),
		ensure: () => through(ensureVm(exampleRequest, report, run)),
		remove: (instanceId?: string) => through(removeVm(exampleRequest, instanceId, report, run)),
	};
}

describe("create", () => {
	test("makes a missing VM, waits for it and marks it as ready", async () => {
		const { events, lines, create } = site({
			script: { state: { stdout: "absent\n" } },
			machine: [...Array.from({ length: 8 }, () => silence), {}],
		});
		expect(await create()).toMatch(/^gw-1-[0-9a-z]+-[0-9a-f]{8}$/);
		expect(events).toEqual([
			"state",
			"delete --keep-image",
			"no ssh",
			"create",
			...Array.from({ length: 7 }, () => "no ssh"),
			"ssh",
			"cloud-init",
			"ready",
		]);
		expect(lines).toEqual([
			"gw-1: provisioned in 0.0 s",
			"gw-1: waiting for SSH at 10.200.0.20, 10 s",
			"gw-1: booted in 14.0 s",
		]);
	});

	test("ensure does not change a VM that is as defined", async () => {
		const { events, lines, ensure } = site({
			script: { state: { stdout: `ready ${digest} gw-1-old\n` }, start: { stdout: "running\n" } },
		});
		expect(await ensure()).toBe("gw-1-old");
		expect(events).toEqual(["state", "start", "ssh", "cloud-init"]);
		expect(lines).toEqual([]);
	});

	test("ensure starts a VM that was shut off", async () => {
		const { lines, ensure } = site({
			script: { state: { stdout: `ready ${digest} gw-1-old\n` }, start: { stdout: "started\n" } },
		});
		expect(await ensure()).toBe("gw-1-old");
		expect(lines).toEqual(["gw-1: booted in 0.0 s"]);
	});

	test("ensure makes another VM if the definition differs", async () => {
		const state = { stdout: `ready ${"0".repeat(64)} gw-1-old\n` };
		const { events, ensure } = site({ script: { state }, machine: [silence, {}] });
		expect(await ensure()).not.toBe("gw-1-old");
		expect(events).toContain("create");
	});

	test.each([
		["unfinished\n", "gw-1: removing a VM that never finished booting"],
		[`ready ${"0".repeat(64)} gw-1-old\n`, "gw-1: removing the VM gw-1-old"],
		[`ready ${digest} gw-1-old\n`, "gw-1: removing the VM gw-1-old"],
	])("replaces a VM that pod-gateway made: %j", async (stdout, line) => {
		const { events, lines, create } = site({ script: { state: { stdout } }, machine: [silence, {}] });
		expect(await create()).not.toBe("gw-1-old");
		expect(events.slice(0, 4)).toEqual(["state", "delete --keep-image", "no ssh", "create"]);
		expect(lines[0]).toBe(line);
	});

	test("does not touch a domain that pod-gateway did not make", async () => {
		const { events, create } = site({ script: { state: { stdout: "foreign\n" } } });
		await expect(create()).rejects.toThrow("10.200.0.5 has a domain gw-1 that pod-gateway did not make");
		expect(events).toEqual(["state"]);
	});

	test.each([
		["shows another key", new ConnectionError("10.200.0.20 shows another host key", { kind: "refusal" })],
		["lets us in", {}],
		["hangs", new Error("this did not end within 3 s: true")],
	])("does not make a VM while a machine at its address %s", async (_, answer) => {
		const { events, create } = site({ script: { state: { stdout: "absent\n" } }, machine: [answer] });
		await expect(create()).rejects.toThrow(/^10\.200\.0\.20 is taken: a machine .*answers there/);
		expect(events).not.toContain("create");
	});

	test("shows the end of the console if the machine does not boot, and does not mark it as ready", async () => {
		const { events, create } = site({
			script: { state: { stdout: "absent\n" }, console: { stdout: "\u001b[31mKernel panic\u001b[0m\n" } },
			machine: [silence],
		});
		await expect(create()).rejects.toThrow(
			/^gw-1 has not booted within 60 s: cannot connect .*\nthe end of its console:\nKernel panic\ncheck libvirt.network/,
		);
		expect(events).not.toContain("ready");
	});

	test("an error of cloud-init is an error; its warnings are a warning", async () => {
		const script = { state: { stdout: "absent\n" } };
		const failed = site({ script, machine: [silence, {}, { exitCode: 1, stdout: "status: error\n" }] });
		await expect(failed.create()).rejects.toThrow("cloud-init failed on gw-1 (exit code 1):\nstatus: error");
		expect(failed.events).not.toContain("ready");
		const degraded = site({ script, machine: [silence, {}, { exitCode: 2, stdout: "status: done\n" }] });
		await degraded.create();
		expect(degraded.lines).toContain("warning: cloud-init on gw-1 has finished with warnings:\nstatus: done");
	});

	test("a connection that breaks while the machine boots is tried again", async () => {
		const cut = new Error("the connection was cut while this ran: cloud-init");
		const { events, create } = site({ script: { state: { stdout: "absent\n" } }, machine: [silence, {}, cut, {}] });
		await create();
		expect(events.slice(-5)).toEqual(["ssh", "no cloud-init", "ssh", "cloud-init", "ready"]);
	});

	test("the error quotes the script's message, but not the script", async () => {
		const { create } = site({
			script: { state: { stdout: "absent\n" }, create: { exitCode: 2, stderr: "pod-gateway: refused: no bridge\n" } },
			machine: [silence],
		});
		await expect(create()).rejects.toThrow(
			/^create of the VM gw-1 failed on the hypervisor 10\.200\.0\.5 \(exit code 2\):\npod-gateway: refused: no bridge$/,
		);
	});
});

describe("remove", () => {
	test("removes the VM and its image", async () => {
		const { events, lines, remove } = site({});
		await remove();
		expect(events).toEqual(["delete"]);
		expect(lines).toEqual(["gw-1: removed"]);
	});

	test("removes the VM of the request, but not another one that has its name by now", async () => {
		const script = { state: { stdout: `ready ${digest} gw-1-new\n` } };
		const meant = site({ script });
		await meant.remove("gw-1-new");
		expect(meant.events).toEqual(["state", "delete"]);
		const replaced = site({ script });
		await replaced.remove("gw-1-old");
		expect(replaced.events).toEqual(["state"]);
		expect(replaced.lines).toEqual(["gw-1: is another VM by now, gw-1-new; gw-1-old is already gone"]);
	});

	const gone = new ConnectionError("cannot connect to 10.200.0.5 as root: connect ETIMEDOUT");

	test.each([
		["does not answer", { delete: gone }],
		["stops answering meanwhile", { delete: new Error("the server stopped answering"), true: gone }],
	])("a hypervisor that %s gives a warning", async (_, script) => {
		const { lines, remove } = site({ script });
		await remove();
		expect(lines).toEqual([
			"warning: gw-1 was not removed from 10.200.0.5: cannot connect to 10.200.0.5 as root: connect ETIMEDOUT; " +
				"when it is back, run there: sh libvirt-vm.sh --directory /var/lib/libvirt/images delete gw-1 " +
				"(the script is host/libvirt-vm.sh)",
		]);
	});

	test("a failure on a hypervisor that answers is an error", async () => {
		const { remove } = site({ script: { delete: { exitCode: 1, stderr: "could not be removed from libvirt\n" } } });
		await expect(remove()).rejects.toThrow("could not be removed from libvirt");
	});
});
