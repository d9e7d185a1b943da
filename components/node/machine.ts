import { hostScript, quote } from "../remote/scripts.ts";
import { type RemoteResult, runRemote } from "../remote/ssh.ts";
import type { SshTarget } from "../remote/sshTarget.ts";

/** What a machine is to the cluster: a node of it, a node of another one, or neither. */
export type MachineState = "joined" | "other" | "free";

/** Asks the machine; changes nothing. @param caCertHashes the cluster's, as kubeadm writes them. */
export async function machineState(machine: SshTarget, caCertHashes: readonly string[]): Promise<MachineState> {
	const result = succeeded(
		"looking for a kubelet",
		machine,
		await joinScript(machine, `state ${caCertHashes.map(quote).join(" ")}`),
	);
	const state = result.stdout.trim();
	if (state !== "joined" && state !== "other" && state !== "free") {
		throw new Error(`${machine.host} gave no state of its kubelet but: ${JSON.stringify(state)}`);
	}
	return state;
}

/**
 * Runs `kubeadm join`. @param configuration the JoinConfiguration, YAML. @param token is kept out of error texts.
 */
export async function joinMachine(machine: SshTarget, configuration: string, token: string): Promise<void> {
	const result = await joinScript(machine, "join", configuration);
	succeeded("kubeadm join", machine, { ...result, stderr: result.stderr.replaceAll(token, "[token]") });
}

/** Runs `kubeadm reset` and removes what that leaves behind. */
export async function resetMachine(machine: SshTarget): Promise<void> {
	const result = await runRemote(machine, "sh -s", { input: hostScript("reset-node.sh").text, timeout: 240 });
	succeeded("kubeadm reset", machine, result);
}

/** The script's text is the command, so that standard input is free for the JoinConfiguration and its token. */
function joinScript(machine: SshTarget, args: string, input?: string): Promise<RemoteResult> {
	const command = `sh -c ${quote(hostScript("join-node.sh").text)} join-node.sh ${args}`;
	return runRemote(machine, command, { timeout: 300, ...(input === undefined ? {} : { input }) });
}

function succeeded(what: string, machine: SshTarget, result: RemoteResult): RemoteResult {
	if (result.exitCode !== 0) {
		throw new Error(`${what} failed on ${machine.host} (exit code ${result.exitCode}):\n${result.stderr.trim()}`);
	}
	return result;
}
