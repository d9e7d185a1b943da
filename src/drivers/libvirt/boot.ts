import { messageOf } from "../../core/values/messageOf.ts";
import type { ReportLine } from "../../core/values/reportLine.ts";
import { words } from "../../core/values/words.ts";
import { withProgress } from "../../messages/progress.ts";
import { hostScript } from "../../remote/hostScript.ts";
import { NOTHING, type Run } from "../../remote/shell.ts";
import type { RemoteResult } from "../../remote/ssh.ts";
import { type Hypervisor, removalByHand } from "./hypervisor.ts";
import type { VmRequest } from "./request.ts";

/** Seconds between two attempts to log in. */
const RETRY = 2;
/** Seconds for one attempt. A machine that boots may be slow to answer. */
const ATTEMPT = 10;
/** The exit code of coreutils' `timeout` if the time is up. */
const TIMED_OUT = 124;

/**
 * Waits until the VM answers over SSH with its pinned key and cloud-init has finished there.
 *
 * @throws Error with the end of the console if the request's `bootTimeout` has passed, and with cloud-init's output if it failed.
 */
export async function waitUntilBooted(
	request: VmRequest,
	hypervisor: Hypervisor,
	report: ReportLine,
	run: Run,
): Promise<void> {
	const { definition, bootTimeout, machine } = request;
	const { name } = definition;
	const deadline = Date.now() + bootTimeout * 1000;
	const target = { ...machine, connectTimeout: Math.min(machine.connectTimeout, ATTEMPT) };
	let waitingFor = "";
	const result = await withProgress(
		report,
		() => `${name}: waiting for ${waitingFor}`,
		async () => {
			for (;;) {
				try {
					waitingFor = `SSH at ${machine.host}`;
					await run(target, NOTHING, { timeout: ATTEMPT });
					waitingFor = "cloud-init";
					return await cloudInit(Math.max(Math.round((deadline - Date.now()) / 1000), ATTEMPT));
				} catch (error) {
					// sshd may restart while the machine boots, so every error is followed by another attempt.
					if (Date.now() > deadline) throw new Error(await tooLate(error));
				}
				await new Promise((resolve) => setTimeout(resolve, RETRY * 1000));
			}
		},
	);
	if (result.exitCode === TIMED_OUT) throw new Error(await tooLate(new Error("cloud-init has not finished")));
	if (result.exitCode !== 0) {
		const said = words(`${result.stdout}\n${result.stderr}`);
		// cloud-init 23.4 and later exit with 2 after errors from which they recovered.
		if (result.exitCode !== 2) throw new Error(`cloud-init failed on ${name} (exit code ${result.exitCode}):\n${said}`);
		report(`warning: cloud-init on ${name} has finished with warnings:\n${said}`);
	}

	/** Waits for cloud-init. Returns at once on an image without it. @param seconds the time limit. */
	async function cloudInit(seconds: number): Promise<RemoteResult> {
		const options = { args: [String(seconds)], timeout: seconds + 2 * ATTEMPT };
		return await run(target, hostScript("wait-for-cloud-init.sh"), options);
	}

	async function tooLate(error: unknown): Promise<string> {
		const written = await hypervisor.console().then(words, () => "");
		return [
			`${name} has not booted within ${bootTimeout} s: ${messageOf(error)}`,
			written === ""
				? "its console is empty; check that its kernel writes to ttyS0 (console=ttyS0)"
				: `the end of its console:\n${written}`,
			`check libvirt.network and libvirt.bridge in the settings, and run on ${request.hypervisor.host}: virsh console ${name}`,
			`the VM stays there for that; the next pulumi up makes it anew, and this removes it there: ${removalByHand(request)}`,
		].join("\n");
	}
}
