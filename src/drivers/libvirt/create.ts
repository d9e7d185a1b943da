import { randomBytes } from "node:crypto";
import type { ReportLine } from "../../core/values/reportLine.ts";
import { reportTime, withProgress } from "../../messages/progress.ts";
import { NOTHING, type Run, runScript } from "../../remote/shell.ts";
import { ConnectionError } from "../../remote/ssh.ts";
import type { SshTarget } from "../../remote/sshTarget.ts";
import { waitUntilBooted } from "./boot.ts";
import { Hypervisor, renderInput } from "./hypervisor.ts";
import type { VmRequest } from "./request.ts";
import { digestOf } from "./vm/describe.ts";

/** Seconds without an answer after which an address counts as free. */
const SILENCE = 3;

/**
 * Starts the VM if it exists as defined and does not run. If it does not exist or differs, makes it as {@link createVm} does.
 *
 * @returns the VM's instance id, which identifies the machine.
 */
export async function ensureVm(request: VmRequest, report: ReportLine, run: Run = runScript): Promise<string> {
	const { definition } = request;
	const hypervisor = new Hypervisor(request, run);
	const state = await hypervisor.state();
	if (state.is !== "ready" || state.digest !== digestOf(definition)) return createVm(request, report, run);
	const wait = () => waitUntilBooted(request, hypervisor, report, run);
	await ((await hypervisor.start()) ? reportTime(report, `${definition.name}: booted`, wait) : wait());
	return state.instanceId;
}

/**
 * Makes the VM. First removes a VM that pod-gateway made under this name: an earlier run left it, or this run replaces it.
 *
 * @returns the VM's instance id, which identifies the machine.
 * @throws Error if the name or the address is in use by another machine, if the hypervisor cannot make the VM, or if it does
 * not boot.
 */
export async function createVm(request: VmRequest, report: ReportLine, run: Run = runScript): Promise<string> {
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
		// An interrupted run may have left files, even if there is no domain.
		await hypervisor.delete({ keepImage: true });
		const inhabitant = await whoAnswers(machine, run);
		if (inhabitant) throw new Error(`${machine.host} is taken: ${inhabitant}; give ${name} another address`);
		await withProgress(
			report,
			() => `${name}: making the VM on ${request.hypervisor.host}`,
			() => hypervisor.create(renderInput(request, instanceId)),
		);
	});
	await reportTime(report, `${name}: booted`, () => waitUntilBooted(request, hypervisor, report, run));
	await hypervisor.markReady();
	return instanceId;
}

/**
 * Describes the machine that answers at the VM's address before the VM exists; undefined if none answers.
 *
 * @throws ConnectionError if the address could not be tried.
 */
async function whoAnswers(machine: SshTarget, run: Run): Promise<string | undefined> {
	try {
		await run({ ...machine, connectTimeout: SILENCE }, NOTHING, { timeout: SILENCE });
		return "a machine with the very same host key answers there";
	} catch (error) {
		if (!(error instanceof ConnectionError)) return "a machine answers there";
		if (error.kind === "obstacle") throw error;
		return error.kind === "silence" ? undefined : `a machine answers there (${error.message})`;
	}
}
