import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Releases a lock. */
export type Release = () => void;

/**
 * Takes a lock of the machine: a socket with an abstract name. The kernel releases it when the process ends, however that ends.
 * @returns undefined when another process holds it.
 */
export async function tryLock(name: string): Promise<Release | undefined> {
	const server = createServer();
	return new Promise((resolve, reject) => {
		server.once("error", (error: NodeJS.ErrnoException) =>
			error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
		);
		server.listen(`\0pod-gateway-${name}`, () => resolve(() => server.close()));
		// A lock alone does not keep a process from ending.
		server.unref();
	});
}

/** Runs `work` while no other process on this machine builds what all sites share; waits for those that do. */
export async function withBuildLock<T>(work: () => Promise<T>): Promise<T> {
	let release = await tryLock("build");
	for (; !release; release = await tryLock("build")) await sleep(200);
	try {
		return await work();
	} finally {
		release();
	}
}
