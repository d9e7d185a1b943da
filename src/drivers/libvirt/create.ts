import { randomBytes } from "node:crypto";
import type { Report } from "../../core/values/report.ts";
import { reportTime, withProgress } from "../../messages/progress.ts";
import { NOTHING, type Run, runScript } from "../../remote/shell.ts";
import { ConnectionError } from "../../remote/ssh.ts";
import type { SshTarget } from "../../remote/sshTarget.ts";
import { waitUntilBooted } from "./boot.ts";
import { Hypervisor, renderInput } from "./hypervisor.ts";
import type { VmRequest } from "./request.ts";
import { digestOf } from "./vm/describe.ts";

/** Seconds until an address at which nothing answers is believed to be free. */
const SILENCE = 3;

/**
 * Finds the VM as it should be, and starts it should it not run; makes it otherwise, as {@link createVm} does.
 *
 * @returns the instance id: another one is another machine.
 */
export async function ensureVm(request: VmRequest, report: Report, run: Run = runScript): Promise<string> {
	const { definition } = request;
	const hypervisor = new Hypervisor(request, run);
	const state = await hypervisor.state();
	if (state.is !== "ready" || state.digest !== digestOf(definition)) return createVm(request, report, run);
	const wait = () => waitUntilBooted(request, hypervisor, report, run);
	await ((await hypervisor.start()) ? reportTime(report, `${definition.name}: booted`, wait) : wait());
	return state.instanceId;
}

/**
 * Makes the VM. One of ours by that name goes first, whatever it is like: it is what an earlier run left, or what this one
 * replaces.
 *
 * @returns the instance id: another one is another machine.
 * @throws Error when the name or the address is somebody else's, when the hypervisor cannot make it, or when it does not boot.
 */
export async function createVm(request: VmRequest, report: Report, run: Run = runScript): Promise<string> {
	const { definition, machine } = request;
	const { name } = definition;
	const hypervisor = new Hypervisor(request, run);

	const state = await hypervisor.state();
	if (state.is === "foreign") {
		throw new Error(
			`${request.hypervisor.host} has a domain ${name} that pod-gateway did not make; rename the gateway or remove that domain`,
		);
	}

	const instanceId = `${name}-${Date.now().toString(36)}-${randomBytes(4).toString("hex")}`;
	await reportTime(report, `${name}: provisioned`, async () => {
		if (state.is === "unfinished") report(`${name}: removing a VM that never finished booting`);
		if (state.is === "ready") report(`${name}: removing the VM ${state.instanceId}`);
		// Even where there is no domain: a run that was cut off may have left files.
		await hypervisor.delete({ keepImage: true });
		const inhabitant = await whoAnswers(machine, run);
		if (inhabitant) throw new Error(`${machine.host} is taken: ${inhabitant}; give ${name} another address`);
		await withProgress(
			report,
			() => `${name}: being made on ${request.hypervisor.host}`,
			() => hypervisor.create(renderInput(request, instanceId)),
		);
	});
	await reportTime(report, `${name}: booted`, () => waitUntilBooted(request, hypervisor, report, run));
	await hypervisor.markReady();
	return instanceId;
}

/**
 * How somebody answers at the VM's address before there is a VM, or undefined.
 *
 * @throws ConnectionError when the address could not be tried.
 */
async function whoAnswers(machine: SshTarget, run: Run): Promise<string | undefined> {
	try {
		await run({ ...machine, connectTimeout: SILENCE }, NOTHING, { timeout: SILENCE });
		return "a machine with the very same host key answers there";
	} catch (error) {
		if (!(error instanceof ConnectionError)) return "a machine answers there";
		if (error.met === "obstacle") throw error;
		return error.met === "silence" ? undefined : `a machine answers there (${error.message})`;
	}
}
