import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { heldByTheDead } from "./stackLocks.ts";

let folder: string;

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), "stack-locks-"));
});

afterEach(() => rm(folder, { recursive: true }));

const now = new Date().toISOString();
/** More than any pid the kernel gives (proc(5): pid_max is at most 2^22). */
const noProcess = 2 ** 22 + 1;

async function lock(name: string, pid: number, timestamp = now): Promise<void> {
	await writeFile(join(folder, `${name}.json`), JSON.stringify({ pid, username: "root", hostname: "lab", timestamp }));
}

test("without a lock, now or ever, a dead process does not hold the stack", async () => {
	expect(await heldByTheDead(folder)).toBe(false);
	expect(await heldByTheDead(join(folder, "never"))).toBe(false);
});

test("the lock of a process that has ended is held by the dead", async () => {
	await lock("a", noProcess);
	expect(await heldByTheDead(folder)).toBe(true);
});

test("a process with the same number that started later is not the holder", async () => {
	await lock("a", process.pid, "2001-01-01T00:00:00Z");
	expect(await heldByTheDead(folder)).toBe(true);
});

test("a holder that runs keeps the stack, even beside dead ones", async () => {
	await lock("a", process.pid);
	await lock("b", noProcess);
	expect(await heldByTheDead(folder)).toBe(false);
});
