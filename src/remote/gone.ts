import { type ConnectionError, hostAndPort } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/**
 * The environment variable in which a person lists what to leave as it is, although it answers: HOST, HOST:PORT or `cluster`,
 * separated by commas.
 */
export const SAY_SO = "POD_GATEWAY_FORGET";

/** Whether a machine counts as gone: it did not answer, or a person has listed it in {@link SAY_SO}. */
export function isGone({ kind }: ConnectionError, machine: SshTarget): boolean {
	return kind === "silence" || isForgotten(machine.host) || isForgotten(hostAndPort(machine));
}

/** Whether a person has listed this name in {@link SAY_SO}. */
export function isForgotten(name: string): boolean {
	const forgotten = (process.env[SAY_SO] ?? "").split(",").map((one) => one.trim());
	return forgotten.includes(name);
}

/** The next step for a machine that answers but refuses the login. */
export function mendOrForget(machine: SshTarget): string {
	return `mend that and run this again; to leave the machine as it is for good, set ${SAY_SO}=${hostAndPort(machine)} before pulumi`;
}
