import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { identify, startedAt } from "./process.ts";

/**
 * Whether all Pulumi processes that hold a stack's locks have ended. A killed process leaves its lock, and every later command
 * refuses to run until somebody cancels. A lock is a JSON file with the holder's pid and the time when it was taken
 * (pkg/backend/diy/lock.go). A process that started after that time is another one with the same number.
 */
export async function heldByTheDead(folder: string): Promise<boolean> {
	const files = (await readdir(folder).catch(missingIsEmpty)).filter((name) => name.endsWith(".json"));
	const held = await Promise.all(files.map(async (name) => isDead(await readFile(join(folder, name), "utf8"))));
	return held.length > 0 && held.every(Boolean);
}

function isDead(lock: string): boolean {
	const { pid, timestamp } = JSON.parse(lock) as { pid: number; timestamp: string };
	const holder = identify(pid);
	return holder === undefined || startedAt(holder) > new Date(timestamp);
}

function missingIsEmpty(error: NodeJS.ErrnoException): string[] {
	if (error.code === "ENOENT") return [];
	throw error;
}
