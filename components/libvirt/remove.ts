import type { Report } from "../progress.ts";
import { ConnectionError, runRemote } from "../remote/ssh.ts";
import { Hypervisor, type Run, removalByHand } from "./hypervisor.ts";
import type { VmRequest } from "./request.ts";

/**
 * Removes the VM with its disks. A hypervisor that is out of reach, or goes away meanwhile, is a warning.
 *
 * @throws Error when the hypervisor is there and could not remove it.
 */
export async function remove(request: VmRequest, report: Report, run: Run = runRemote): Promise<void> {
	const { hypervisor, definition } = request;
	try {
		await new Hypervisor(request, run).delete({ keepImage: false });
		report(`${definition.name}: removed`);
	} catch (error) {
		const lost = await connectionError(error);
		if (!lost) throw error;
		report(
			`warning: ${definition.name} was not removed from ${hypervisor.host}: ${lost.message}; when it is back, run there: ` +
				removalByHand(request),
		);
	}

	/** Why the hypervisor is out of reach, or undefined when it is there. */
	async function connectionError(error: unknown): Promise<ConnectionError | undefined> {
		if (error instanceof ConnectionError) return error;
		try {
			await run(hypervisor, "true", { timeout: hypervisor.connectTimeout });
		} catch (again) {
			if (again instanceof ConnectionError) return again;
		}
		return undefined;
	}
}
