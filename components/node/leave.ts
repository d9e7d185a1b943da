import { Cluster } from "./cluster.ts";
import { drain } from "./drain.ts";
import { resetMachine } from "./machine.ts";
import type { NodeRequest } from "./request.ts";

/**
 * Takes the gateway out of the cluster: drained, reset, Node object removed. A machine or a cluster that is gone never blocks:
 * what could not be done is reported as a warning, and everything else still happens.
 */
export async function leave(request: NodeRequest, warn: (line: string) => void): Promise<void> {
	const cluster = new Cluster(request.cluster.kubeconfig, request.cluster.context);
	const attempt = async (what: string, action: () => Promise<unknown>) => {
		try {
			await action();
		} catch (error) {
			warn(`${what} was not done: ${error instanceof Error ? error.message : String(error)}`);
		}
	};
	const node = await cluster.node(request.node.name).catch(() => undefined);
	if (node)
		await attempt(`draining ${request.node.name}`, () => drain(cluster, request.node.name, request.node.drainTimeout));
	await attempt(`resetting ${request.machine.host}`, () => resetMachine(request.machine));
	await attempt(`removing the node ${request.node.name}`, () => cluster.deleteNode(request.node.name));
}
