import { messageOf } from "../../core/values/messageOf.ts";
import type { Report } from "../../core/values/report.ts";
import { words } from "../../core/values/words.ts";
import { withProgress } from "../../messages/progress.ts";
import { hostScript } from "../../remote/hostScript.ts";
import { NOTHING, type Run } from "../../remote/shell.ts";
import type { RemoteResult } from "../../remote/ssh.ts";
import { type Hypervisor, removalByHand } from "./hypervisor.ts";
import type { VmRequest } from "./request.ts";

/** Seconds between two attempts to log in. */
const RETRY = 2;
/** Seconds for one attempt; a machine that is booting may be slow to answer. */
const ATTEMPT = 10;
/** What `timeout` exits with, as coreutils document it. */
const TIMED_OUT = 124;

/**
 * Waits until the VM answers by SSH with its pinned key and cloud-init has done its work there.
 *
 * @throws Error with the end of the console when that takes longer than the request allows, and with cloud-init's own words when
 * it failed.
 */
export async function waitUntilBooted(
	request: VmRequest,
	hypervisor: Hypervisor,
	report: Report,
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
					// sshd may go down and come up again while the machine boots: every error is one to try again after.
					if (Date.now() > deadline) throw new Error(await tooLate(error));
				}
				await new Promise((resolve) => setTimeout(resolve, RETRY * 1000));
			}
		},
	);
	if (result.exitCode === TIMED_OUT) throw new Error(await tooLate(new Error("cloud-init has not finished")));
	if (result.exitCode !== 0) {
		const said = words(`${result.stdout}\n${result.stderr}`);
		// 2 is for what cloud-init could mend by itself (23.4 and later): the machine is whole.
		if (result.exitCode !== 2) throw new Error(`cloud-init failed on ${name} (exit code ${result.exitCode}):\n${said}`);
		report(`warning: cloud-init on ${name} is done and complains:\n${said}`);
	}

	/** An image without cloud-init has made itself known by the pinned key: there is nothing to wait for. */
	async function cloudInit(seconds: number): Promise<RemoteResult> {
		const options = { args: [String(seconds)], timeout: seconds + 2 * ATTEMPT };
		return await run(target, hostScript("wait-for-cloud-init.sh"), options);
	}

	async function tooLate(error: unknown): Promise<string> {
		const written = await hypervisor.console().then(words, () => "");
		return [
			`${name} has not booted within ${bootTimeout} s: ${messageOf(error)}`,
			written === ""
				? "it wrote nothing to its console; does its kernel write to ttyS0 (console=ttyS0)?"
				: `the end of its console:\n${written}`,
			`see libvirt.network and libvirt.bridge in the settings, and on ${request.hypervisor.host}: virsh console ${name}`,
			`the VM is left for that; the next pulumi up makes it anew, and this removes it there: ${removalByHand(request)}`,
		].join("\n");
	}
}
