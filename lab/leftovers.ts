import { readFileSync, readlinkSync, statSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { labCgroups } from "./cgroups.ts";
import { namespaces } from "./namespaces.ts";
import { identify, kill, type ProcessIdentity, runs } from "./process.ts";
import { idsOf, type Scope } from "./site.ts";

/** A host of this site: its name and its network namespace. */
interface StrayHost {
	readonly name: string;
	readonly namespace: string;
}

/**
 * Ends every process that certainly belongs to the lab: those in a network namespace or cgroup of the sites, or of one host of
 * this site. Throws when a process does not end.
 */
export async function endStrays(of: Scope | StrayHost): Promise<void> {
	const host = typeof of === "string" ? undefined : of;
	const scope = typeof of === "string" ? of : "site";
	for (let tries = 0; tries < 100; tries++) {
		const strays = [...(await inNamespaces(scope, host?.namespace)), ...(await inCgroups(scope, host?.name))];
		if (strays.length === 0) return;
		for (const { pid } of strays) kill(pid, "SIGKILL");
		for (let waits = 0; waits < 20 && strays.some(runs); waits++) await sleep(25);
	}
	throw new Error(`processes of ${host?.name ?? "the lab"} do not end`);
}

/** Whether any process runs in a host of any lab, whatever its cache folder. */
export async function anyHostRuns(): Promise<boolean> {
	return (await inCgroups("machine")).length > 0;
}

/** Unmounts the root filesystems of the sites' hosts that a killed command left mounted, whatever the cache folder. */
export async function unmountStrays(of: Scope): Promise<void> {
	for (const line of (await readFile("/proc/self/mountinfo", "utf8")).split("\n")) {
		const place = line.split(" ")[4];
		if (place && isHostRoot(line, place, of)) await execa("umount", ["--lazy", place]);
	}
}

/** A host's root is an overlay at …/site<ID>/hosts/NAME/root, with its upper layer beside it. */
function isHostRoot(line: string, place: string, of: Scope): boolean {
	const folder = new RegExp(`^(.*/site${idsOf(of)}/hosts/[^/]+)/root$`).exec(place)?.[1];
	return folder !== undefined && line.includes(" - overlay ") && line.includes(`upperdir=${folder}/upper`);
}

async function inNamespaces(of: Scope, only?: string): Promise<ProcessIdentity[]> {
	const names = (await namespaces(of)).filter((name) => only === undefined || name === only);
	const inodes = new Set(names.map((name) => `net:[${statSync(`/run/netns/${name}`).ino}]`));
	const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
	return processes.filter((pid) => inodes.has(namespaceOfProcess(pid))).flatMap(identified);
}

function namespaceOfProcess(pid: string): string {
	try {
		return readlinkSync(`/proc/${pid}/ns/net`);
	} catch {
		return ""; // The process has ended.
	}
}

async function inCgroups(of: Scope, host?: string): Promise<ProcessIdentity[]> {
	const found: ProcessIdentity[] = [];
	for (const top of await labCgroups(of)) {
		const group = host === undefined ? top : `${top}/${host}`;
		const folders = await readdir(group, { recursive: true, withFileTypes: true }).catch(() => []);
		const files = folders.filter((entry) => entry.name === "cgroup.procs").map((entry) => entry.parentPath);
		for (const folder of files) found.push(...processesIn(folder));
	}
	return found;
}

function processesIn(cgroup: string): ProcessIdentity[] {
	try {
		return readFileSync(`${cgroup}/cgroup.procs`, "utf8").split("\n").filter(Boolean).flatMap(identified);
	} catch {
		return []; // The cgroup has been removed.
	}
}

function identified(pid: string): ProcessIdentity[] {
	const process = identify(Number(pid));
	return process ? [process] : [];
}
