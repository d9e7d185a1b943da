import { createHash } from "node:crypto";
import { lstat, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The most connections to one bastion in their handshake at a time, of all processes of this user. By default (MaxStartups),
 * sshd drops some connections from the eleventh on, also those of other users.
 */
export const AT_ONCE = 8;
/** Seconds. A handshake is shorter. The process of an older slot has ended, even if another process has its id by now. */
const STALE = 150;
/** Seconds after which to connect without a slot. Exceeding the limit is better than not reaching a server. */
const PATIENCE = 300;

/**
 * Waits for a slot of the bastion, and runs an action that connects to it. Pulumi runs a process for each server, so a slot is
 * a file. If files cannot be made, there is no limit.
 *
 * @param bastion its host and port.
 * @param folder the folder of the slots. Default: this user's own below the system's folder for temporary files.
 */
export async function withSlot<T>(
	bastion: string,
	action: () => Promise<T>,
	folder = join(tmpdir(), `pod-gateway-${userInfo().uid}`),
): Promise<T> {
	const slot = (await isOurs(folder)) ? await takeSlot(join(folder, digest(bastion))) : undefined;
	try {
		return await action();
	} finally {
		if (slot !== undefined) await rm(slot, { force: true });
	}
}

/** Whether the folder exists and belongs to this user. Other users may write to its parent. */
async function isOurs(folder: string): Promise<boolean> {
	try {
		await mkdir(folder, { mode: 0o700 }).catch(() => {});
		const found = await lstat(folder);
		return found.isDirectory() && found.uid === userInfo().uid;
	} catch {
		return false;
	}
}

/** Waits for a slot. @returns its file; undefined if none could be taken. */
async function takeSlot(base: string): Promise<string | undefined> {
	const deadline = Date.now() + PATIENCE * 1000;
	while (Date.now() < deadline) {
		for (let number = 0; number < AT_ONCE; number++) {
			const slot = `${base}-${number}`;
			const taken = await take(slot);
			if (taken === undefined) return undefined;
			if (taken) return slot;
		}
		await sleep(50 + Math.random() * 100);
	}
	return undefined;
}

/** Takes the slot if it is free. @returns whether it was; undefined if its file cannot be made. */
async function take(slot: string): Promise<boolean | undefined> {
	try {
		const file = await open(slot, "wx", 0o600);
		await file.writeFile(`${process.pid}`).finally(() => file.close());
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EEXIST") return undefined;
		if (await isLeftOver(slot)) await rm(slot, { force: true });
		return false;
	}
}

async function isLeftOver(slot: string): Promise<boolean> {
	try {
		const [holder, { mtimeMs }] = await Promise.all([readFile(slot, "utf8"), stat(slot)]);
		const age = (Date.now() - mtimeMs) / 1000;
		// A file that was just made is still empty.
		return age > STALE || (holder !== "" && !isAlive(Number(holder)));
	} catch {
		return false;
	}
}

function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}

function digest(text: string): string {
	return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
