import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Lets go of a lock. */
export type Release = () => void;

/**
 * Takes a lock of the machine: a socket with an abstract name, which the kernel lets go of with the process, however that ends.
 * @returns undefined when somebody else holds it.
 */
export async function tryLock(name: string): Promise<Release | undefined> {
	const server = createServer();
	return new Promise((resolve, reject) => {
		server.once("error", (error: NodeJS.ErrnoException) =>
			error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
		);
		server.listen(`\0pod-gateway-${name}`, () => resolve(() => server.close()));
		// A lock alone keeps no process from ending.
		server.unref();
	});
}

/** Runs `work` while nobody else on the machine builds what all sites are made of; waits until that is so. */
export async function withBuildLock<T>(work: () => Promise<T>): Promise<T> {
	let release = await tryLock("build");
	for (; !release; release = await tryLock("build")) await sleep(200);
	try {
		return await work();
	} finally {
		release();
	}
}
