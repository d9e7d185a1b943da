import { type ConnectionError, place } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** Names, parted by commas, what a person says is gone though something answers: machines as HOST or HOST:PORT, `cluster`. */
export const SAY_SO = "POD_GATEWAY_FORGET";

/** Whether a machine may be taken for gone: it did not answer, or a person says so. */
export function isGone({ met }: ConnectionError, machine: SshTarget): boolean {
	return met === "silence" || isForgotten(machine.host) || isForgotten(place(machine));
}

/** Whether a person says that this is gone. */
export function isForgotten(name: string): boolean {
	const forgotten = (process.env[SAY_SO] ?? "").split(",").map((one) => one.trim());
	return forgotten.includes(name);
}

/** What a person can do about a machine that is there and was not let in to. */
export function mendOrForget(machine: SshTarget): string {
	return `mend that and run this again; a machine that is to be left as it is, for good: ${SAY_SO}=${place(machine)} before pulumi`;
}
