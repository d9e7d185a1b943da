import { createHash } from "node:crypto";
import { lstat, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * How many connections to one bastion are in their handshake at a time, of all processes of this user together. sshd drops some from
 * the eleventh on, other people's too, unless its MaxStartups says otherwise.
 */
export const AT_ONCE = 8;
/** Seconds. A handshake takes no longer; a slot that is older was left by a process whose number another one has by now. */
const STALE = 150;
/** Seconds until one goes without a slot: a limit that is broken beats a server that is not looked at. */
const PATIENCE = 300;

/**
 * Does something that makes a connection to a bastion, when there is a slot for it. Pulumi runs a process of ours for each server,
 * so that a slot is a file. Where none can be made there is no limit.
 *
 * @param bastion names it: host and port.
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

/** Whether the folder is there and this user's own: others may write to the one around it. */
async function isOurs(folder: string): Promise<boolean> {
	try {
		await mkdir(folder, { mode: 0o700 }).catch(() => {});
		const found = await lstat(folder);
		return found.isDirectory() && found.uid === userInfo().uid;
	} catch {
		return false;
	}
}

/** The file of a slot that is ours now; undefined where there is none to be had. */
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

/** Whether the slot was free; undefined where no file can be made. */
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
		// Between its making and its writing the file is empty.
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
