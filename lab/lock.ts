import { tryLock } from "./machineLock.ts";
import { siteId } from "./site.ts";

/** Runs `work` while no other command brings this site up or down. Throws an Error when one is at work. */
export async function withLabLock<T>(work: () => Promise<T>): Promise<T> {
	const release = await tryLock(`lab${siteId}`);
	if (!release) throw new Error("another lab command is at work on this machine; wait until it ends");
	try {
		return await work();
	} finally {
		release();
	}
}
