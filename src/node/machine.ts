import { words } from "../core/values/words.ts";
import { hostScript } from "../remote/hostScript.ts";
import { runScript } from "../remote/shell.ts";
import type { RemoteResult } from "../remote/ssh.ts";
import type { SshTarget } from "../remote/sshTarget.ts";
import { type MachineState, parseMachineState } from "./machineState.ts";

/** Seconds that each node script may wait for the machine's lock. They are added to the script's own time limit. */
const LOCK_SECONDS = 300;

/** A script's messages for people, a line each. */
export type Notes = readonly string[];

/** Reads what the machine is; does not change it. @param caCertHashes the hashes of the cluster's CAs, in kubeadm's form. */
export async function readMachineState(
	machine: SshTarget,
	node: string,
	caCertHashes: readonly string[],
): Promise<MachineState> {
	const args = ["state", node, ...caCertHashes];
	const { stdout } = await runScriptOrThrow(machine, "looking for a kubelet", "join-node.sh", { args, timeout: 30 });
	const state = parseMachineState(stdout);
	if (!state.ok) throw new Error(`${machine.host}: ${state.problems.join("; ")}`);
	return state.value;
}

/**
 * Runs `kubeadm join`.
 *
 * @param configuration the JoinConfiguration, YAML.
 * @param token the token in it, which errors do not show.
 */
export async function joinMachine(machine: SshTarget, configuration: string, token: string): Promise<void> {
	const options = { args: ["join"], input: configuration, timeout: 270, secret: token };
	await runScriptOrThrow(machine, "kubeadm join", "join-node.sh", options);
}

/** Runs `kubeadm reset`, and removes its remains. */
export async function resetMachine(machine: SshTarget): Promise<Notes> {
	return notes(await runScriptOrThrow(machine, "the reset", "reset-node.sh", { timeout: 500 }));
}

/**
 * Runs a script of `host/` on the machine.
 *
 * @param what the action, for errors.
 * @param options `timeout`: seconds, without the wait for the lock. `secret`: a text that errors do not show.
 * @throws Error with the script's standard error if its exit code is not 0.
 */
export async function runScriptOrThrow(
	machine: SshTarget,
	what: string,
	script: string,
	{ args = [], input, timeout, secret }: { args?: readonly string[]; input?: string; timeout: number; secret?: string },
): Promise<RemoteResult> {
	const withoutSecret = (text: string) => (secret === undefined ? text : text.replaceAll(secret, "[token]"));
	const result = await runScript(machine, hostScript(script), {
		args,
		timeout: LOCK_SECONDS + timeout,
		...(input === undefined ? {} : { input }),
	}).catch((error: Error) => {
		error.message = withoutSecret(error.message);
		throw error;
	});
	if (result.exitCode !== 0) {
		const said = withoutSecret(result.stderr);
		throw new Error(`${what} failed on ${machine.host} (exit code ${result.exitCode}):\n${words(said)}`);
	}
	return result;
}

/** The lines of a script's standard error. */
export function notes({ stderr }: RemoteResult): Notes {
	return words(stderr)
		.split("\n")
		.filter((line) => line.trim() !== "");
}
