import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { siteDir } from "./cache.ts";
import { namespaceOf } from "./machines.ts";
import { childrenOf, identify, isInit, kill, type ProcessIdentity, runs } from "./process.ts";
import { site } from "./site.ts";

/** Seconds for a host to shut down in order. */
const SHUTDOWN_SECONDS = 20;

/** The folder of one host's state: its upper layer, console and process. */
export function hostDir(name: string, ...below: string[]): string {
	return siteDir("hosts", name, ...below);
}

/** Remembers which process keeps the host running. */
export async function recordSupervisor(name: string, pid: number): Promise<void> {
	await writeFile(hostDir(name, "process.json"), JSON.stringify(identify(pid)));
}

/** The process that keeps the host running; undefined when the host is down. */
export function supervisorOf(name: string): ProcessIdentity | undefined {
	const file = hostDir(name, "process.json");
	if (!existsSync(file)) return undefined;
	const identity: ProcessIdentity = JSON.parse(readFileSync(file, "utf8"));
	return runs(identity) ? identity : undefined;
}

/** The number of the host's PID 1 on this machine. It is a child of systemd-nspawn, which is the supervisor's child. */
export function initOf(name: string): number | undefined {
	const supervisor = supervisorOf(name);
	return supervisor && childrenOf(supervisor.pid).flatMap(childrenOf).find(isInit);
}

/** Whether the host runs; true also while it boots or shuts down. */
export function isUp(name: string): boolean {
	return supervisorOf(name) !== undefined;
}

/** Shuts the host down in order, and takes its power away if it still runs after {@link SHUTDOWN_SECONDS}. */
export async function stopHost(name: string): Promise<void> {
	const supervisor = supervisorOf(name);
	if (!supervisor) return;
	// systemd-nspawn turns SIGTERM into a request for an orderly shutdown.
	for (const child of childrenOf(supervisor.pid)) kill(child, "SIGTERM");
	const deadline = Date.now() + SHUTDOWN_SECONDS * 1000;
	while (runs(supervisor) && Date.now() < deadline) await sleep(50);
	await powerOff(name);
}

/** Takes the host's power away: none of its processes can clean up. `bootHost` starts it again from its files. */
export async function powerOff(name: string): Promise<void> {
	const supervisor = supervisorOf(name);
	if (supervisor) {
		const init = initOf(name);
		// Kills the supervisor first, so that it does not boot the host again. The host's processes end with its PID 1.
		const pids = [supervisor.pid, ...childrenOf(supervisor.pid), ...(init === undefined ? [] : [init])];
		const identities = pids.map(identify).filter((process) => process !== undefined);
		for (const { pid } of identities) kill(pid, "SIGKILL");
		for (let tries = 0; tries < 200 && identities.some(runs); tries++) await sleep(25);
	}
	// Also removes the cable until the next boot, so that the address does not answer from the empty namespace.
	await execa("ip", ["-n", namespaceOf(site.hub), "link", "delete", name], { reject: false });
	await rm(hostDir(name, "process.json"), { force: true });
}
