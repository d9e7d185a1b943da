import { expect } from "vitest";
import { type ExecResult, exec } from "../lab/host.ts";

/** Made by a script that has come to {@link pause}. In /run, so that a power cut removes it. */
const reached = "/run/paused-here";

/** Shell, for a place in the script for servers: waits there until {@link goOn}. */
export const pause = `: >${reached}; while [ -e ${reached} ]; do sleep 0.2; done`;

/**
 * Waits until the script has come to its {@link pause}.
 *
 * @param seconds for it to get there. @param place names it in errors. @throws Error with the words of a run that ends before.
 */
export async function waitUntilPaused(
	server: string,
	running: Promise<ExecResult>,
	{ seconds, place }: { readonly seconds: number; readonly place: string },
): Promise<void> {
	const early = running.then(({ stdout, stderr }) => {
		throw new Error(`${server}: the run ended before ${place}:\n${stdout}\n${stderr}`);
	});
	const there = expect
		.poll(async () => (await exec(server, ["test", "-e", reached], { check: false })).exitCode, {
			timeout: seconds * 1000,
			message: `${server}: the run comes to ${place}`,
		})
		.toBe(0);
	await Promise.race([there, early]);
}

/** Lets the script go on after its {@link pause}. */
export async function goOn(server: string): Promise<void> {
	await exec(server, ["rm", "-f", reached]);
}
