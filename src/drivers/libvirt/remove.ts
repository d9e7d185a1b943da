import type { ReportLine } from "../../core/values/reportLine.ts";
import { isGone, mendOrForget } from "../../remote/gone.ts";
import { NOTHING, type Run, runScript } from "../../remote/shell.ts";
import { ConnectionError } from "../../remote/ssh.ts";
import { Hypervisor, removalByHand } from "./hypervisor.ts";
import type { VmRequest } from "./request.ts";

/**
 * Removes the VM with its disks. Warns if the hypervisor does not answer, or stops answering meanwhile.
 *
 * @param instanceId the VM to remove. If another VM has its name by now, nothing is removed. Default: any VM of that name.
 * @throws Error if the hypervisor answers but refuses the login, or could not remove the VM.
 */
export async function removeVm(
	request: VmRequest,
	instanceId: string | undefined,
	report: ReportLine,
	run: Run = runScript,
): Promise<void> {
	const { hypervisor, definition } = request;
	try {
		const libvirt = new Hypervisor(request, run);
		const state = instanceId === undefined ? undefined : await libvirt.state();
		if (state?.is === "ready" && state.instanceId !== instanceId) {
			report(`${definition.name}: is another VM by now, ${state.instanceId}; ${instanceId} is already gone`);
			return;
		}
		await libvirt.delete({ keepImage: false });
		report(`${definition.name}: removed`);
	} catch (error) {
		const lost = await connectionError(error);
		if (!lost) throw error;
		if (!isGone(lost, hypervisor)) {
			const what = `${definition.name} was not removed from ${hypervisor.host}`;
			throw new Error(`${what} and stays in the state: ${lost.message}; ${mendOrForget(hypervisor)}`);
		}
		report(
			`warning: ${definition.name} was not removed from ${hypervisor.host}: ${lost.message}; when it is back, run there: ` +
				removalByHand(request),
		);
	}

	/** Why the hypervisor cannot be reached; undefined if it can. */
	async function connectionError(error: unknown): Promise<ConnectionError | undefined> {
		if (error instanceof ConnectionError) return error;
		try {
			await run(hypervisor, NOTHING, { timeout: hypervisor.connectTimeout });
		} catch (again) {
			if (again instanceof ConnectionError) return again;
		}
		return undefined;
	}
}
