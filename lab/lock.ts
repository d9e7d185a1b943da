import { createServer } from "node:net";

/**
 * Holds the machine's one lab lock while `work` runs, so that no two commands build up or take down at once. It is a socket
 * with an abstract name: the kernel lets go of it with the process, however that ends.
 */
export async function withLabLock<T>(work: () => Promise<T>): Promise<T> {
	const server = createServer();
	await new Promise<void>((resolve, reject) => {
		server.once("error", (error: NodeJS.ErrnoException) => {
			const busy = error.code === "EADDRINUSE";
			reject(busy ? new Error("another lab command is at work on this machine; wait until it ends") : error);
		});
		server.listen("\0pod-gateway-lab", resolve);
	});
	try {
		return await work();
	} finally {
		server.close();
	}
}
