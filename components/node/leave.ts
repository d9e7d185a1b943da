import { Cluster, ClusterUnreachable, problemOf } from "./cluster.ts";
import type { DrainedCluster } from "./drain.ts";
import { drainNode } from "./drainNode.ts";
import { joinedSince } from "./joinId.ts";
import { resetMachine } from "./machine.ts";
import { phase, type Report } from "./phase.ts";
import type { NodeRequest } from "./request.ts";

/** The part of the cluster's API that a node's leaving needs. */
export type LeavingCluster = DrainedCluster & Pick<Cluster, "deleteNode">;

/** What a leave acts on, as tests replace it. */
export interface LeaveActs {
	readonly cluster: LeavingCluster;
	/** Takes the node apart on the machine. */
	readonly reset: () => Promise<readonly string[]>;
}

/**
 * Takes the gateway out of the cluster: drained, reset unless its machine is disposable, Node object removed. A machine or a
 * cluster that is gone never blocks: what could not be done is a warning with the command that does it later, and everything else
 * still happens. Once the API server could not be reached it is not asked again.
 *
 * @param joinId the output of the join that is undone: a node that was joined again since is left alone. "" where unknown.
 */
export async function leave(
	request: NodeRequest,
	joinId: string,
	report: Report,
	{ cluster, reset }: LeaveActs = actsOf(request),
): Promise<void> {
	const { name } = request.node;
	const { host } = request.machine;
	const warn: Report = (line) => report(`warning: ${name}: ${line}`);
	const later = `run later: kubectl delete node ${name}`;
	let reachable = true;
	/** Undefined where it was not done. */
	const ask = async <T>(what: string, action: () => Promise<T>): Promise<T | undefined> => {
		if (!reachable) return undefined;
		try {
			return await action();
		} catch (error) {
			reachable = !(error instanceof ClusterUnreachable);
			warn(`${what} was not done: ${problemOf(error)}${reachable ? "" : `; the cluster is not asked again, ${later}`}`);
			return undefined;
		}
	};

	const node = await ask("looking for the Node object", () => cluster.node(name));
	if (node && joinedSince(joinId, node)) {
		report(`${name}: was joined again since and stays as it is`);
		return;
	}
	if (node) {
		await ask("draining", () => drainNode(cluster, request.node, report));
	}
	if (!request.disposable) {
		await phase(report, name, { doing: "resetting", done: "reset" }, async () => {
			for (const line of await reset()) report(`${name}: ${line}`);
			return { changed: true };
		}).catch((error: unknown) => {
			warn(
				`${host} was not reset: ${problemOf(error)}; once it is there: ssh ${host} sh -s <components/host/reset-node.sh`,
			);
		});
	}
	if (node || !reachable) {
		const done = await ask("removing the Node object", async () => {
			await cluster.deleteNode(name);
			return true;
		});
		if (done === undefined && reachable) warn(later);
	}
}

function actsOf({ cluster, machine }: NodeRequest): LeaveActs {
	return { cluster: new Cluster(cluster.kubeconfig, cluster.context), reset: () => resetMachine(machine) };
}
