import { words } from "../core/values/words.ts";
import { hostScript } from "../remote/hostScript.ts";
import { runScript } from "../remote/shell.ts";
import type { RemoteResult } from "../remote/ssh.ts";
import type { SshTarget } from "../remote/sshTarget.ts";
import { type MachineState, parseMachineState } from "./machineState.ts";

/** Seconds a script waits for another one that is at work on the machine, as they all do; less than any limit here. */
const LOCK_SECONDS = 300;

/** What a script said to people, a line each. */
export type Notes = readonly string[];

/** Asks the machine what it is; changes nothing. @param caCertHashes the cluster's, as kubeadm writes them. */
export async function readMachineState(
	machine: SshTarget,
	node: string,
	caCertHashes: readonly string[],
): Promise<MachineState> {
	const args = ["state", node, ...caCertHashes];
	const { stdout } = await runScriptOrThrow(machine, "looking for a kubelet", "join-node.sh", { args, timeout: 30 });
	const state = parseMachineState(stdout);
	if (!state.ok) throw new Error(`${machine.host} gave ${state.problems.join("; ")}`);
	return state.value;
}

/** Runs `kubeadm join`. @param configuration the JoinConfiguration, YAML. @param token is kept out of error texts. */
export async function joinMachine(machine: SshTarget, configuration: string, token: string): Promise<void> {
	const options = { args: ["join"], input: configuration, timeout: 270, secret: token };
	await runScriptOrThrow(machine, "kubeadm join", "join-node.sh", options);
}

/** Runs `kubeadm reset` and removes what that leaves behind. */
export async function resetMachine(machine: SshTarget): Promise<Notes> {
	return notes(await runScriptOrThrow(machine, "the reset", "reset-node.sh", { timeout: 500 }));
}

/**
 * Runs a script of `host`.
 *
 * @param what names it in errors. @param options `timeout` is what it may take by itself, in seconds; `secret` is kept out of
 * errors.
 * @throws Error with all that it said when its exit code is not 0.
 */
export async function runScriptOrThrow(
	machine: SshTarget,
	what: string,
	script: string,
	{ args = [], input, timeout, secret }: { args?: readonly string[]; input?: string; timeout: number; secret?: string },
): Promise<RemoteResult> {
	const told = (text: string) => (secret === undefined ? text : text.replaceAll(secret, "[token]"));
	const result = await runScript(machine, hostScript(script), {
		args,
		timeout: LOCK_SECONDS + timeout,
		...(input === undefined ? {} : { input }),
	}).catch((error: Error) => {
		error.message = told(error.message);
		throw error;
	});
	if (result.exitCode !== 0) {
		const said = told(result.stderr);
		throw new Error(`${what} failed on ${machine.host} (exit code ${result.exitCode}):\n${words(said)}`);
	}
	return result;
}

/** The lines a script wrote for people. */
export function notes({ stderr }: RemoteResult): Notes {
	return words(stderr)
		.split("\n")
		.filter((line) => line.trim() !== "");
}
