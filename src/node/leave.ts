import type { ReportLine } from "../core/values/reportLine.ts";
import { Cluster } from "../kube/client.ts";
import { ClusterUnreachable } from "../kube/connection.ts";
import { problemOf } from "../kube/problem.ts";
import { isForgotten, isGone, mendOrForget, SAY_SO } from "../remote/gone.ts";
import { ConnectionError } from "../remote/ssh.ts";
import type { DrainedCluster } from "./drain.ts";
import { drainNode } from "./drainNode.ts";
import { joinedSince } from "./joinId.ts";
import { readMachineState, resetMachine } from "./machine.ts";
import type { MachineState } from "./machineState.ts";
import { reportPhase } from "./phase.ts";
import type { NodeRequest } from "./request.ts";

/** How long a drain waits while the node is not ready. */
const NOT_READY_SECONDS = 5;

/** The part of the cluster's API that a leave needs. */
export type LeavingCluster = DrainedCluster & Pick<Cluster, "deleteNode">;

/** The actions of a leave. Tests replace them. */
export interface LeaveActs {
	readonly cluster: LeavingCluster;
	/** Reads what the machine is now. */
	readonly state: () => Promise<MachineState>;
	/** Resets the machine. @returns the script's messages. */
	readonly reset: () => Promise<readonly string[]>;
}

/**
 * Removes the gateway from the cluster: drains it, resets its machine unless that is disposable, and deletes the Node object. A
 * machine or cluster that does not answer does not block this: each step that was not done gives a warning with the command to
 * do it later. A machine that has another role by now is not reset. An API server that could not be reached is not asked again.
 *
 * @param joinId the output of the join that is undone; "" if unknown. A node that was joined again since is left alone.
 * @throws Error after all other steps, if a machine or cluster that answers still has something of the node.
 */
export async function leaveCluster(
	request: NodeRequest,
	joinId: string,
	report: ReportLine,
	{ cluster, state, reset }: LeaveActs = actsOf(request),
): Promise<void> {
	const { name } = request.node;
	const { host } = request.machine;
	const warn: ReportLine = (line) => report(`warning: ${name}: ${line}`);
	const later = `run later: kubectl delete node ${name}`;
	const left: string[] = [];
	let reachable = true;
	/** Runs a step; undefined if it was not done. @param must whether the node then stays in the state. Default: true. */
	const ask = async <T>(what: string, action: () => Promise<T>, must = true): Promise<T | undefined> => {
		if (!reachable) return undefined;
		try {
			return await action();
		} catch (error) {
			reachable = !(error instanceof ClusterUnreachable);
			warn(`${what} was not done: ${problemOf(error)}${reachable ? "" : `; the cluster is not asked again, ${later}`}`);
			if (must && !isClusterGone(error)) left.push(`${what} was not done: ${problemOf(error)}; ${MEND_CLUSTER}`);
			return undefined;
		}
	};

	const node = await ask("looking for the Node object", () => cluster.node(name));
	if (node && joinedSince(joinId, node)) {
		report(`${name}: was joined again meanwhile and stays as it is`);
		return;
	}
	if (node) {
		await ask("draining", () => drainNode(cluster, request.node, report, NOT_READY_SECONDS), false);
	}
	if (!request.disposable) {
		await reportPhase(report, name, { doing: "resetting", done: "reset" }, async () => {
			const { kind, detail } = await state();
			// The machine got another role since, or its address belongs to another machine now.
			const other = {
				"control-plane": `it is part of a control plane (${detail})`,
				"other-node": `it is the node ${detail} now`,
				other: `it is a node of another cluster now, whose API server is ${detail}`,
				free: undefined,
				joined: undefined,
				partial: undefined,
			}[kind];
			if (other !== undefined) throw new OtherMachine(other);
			for (const line of await reset()) report(`${name}: ${line}`);
			return { changed: true };
		}).catch((error: unknown) => {
			const words = `${host} was not reset: ${problemOf(error)}`;
			const byHand = `when it is back, run: ssh ${host} sh -s <host/reset-node.sh`;
			if (error instanceof OtherMachine) warn(words);
			else if (error instanceof ConnectionError && isGone(error, request.machine)) warn(`${words}; ${byHand}`);
			else left.push(`${words}; ${mendOrForget(request.machine)}`);
		});
	}
	if (node || !reachable) {
		const done = await ask("removing the Node object", async () => {
			await cluster.deleteNode(name);
			return true;
		});
		if (done === undefined && reachable) warn(later);
	}
	if (left.length > 0) throw new Error(`${name} has not left and stays in the state:\n${left.join("\n")}`);
}

const MEND_CLUSTER = `mend that and run this again; to leave the cluster as it is for good, set ${SAY_SO}=cluster before pulumi`;

function isClusterGone(error: unknown): boolean {
	return isForgotten("cluster") || (error instanceof ClusterUnreachable && error.silent);
}

/** The machine is no longer the gateway. */
class OtherMachine extends Error {}

function actsOf({ cluster, machine, node }: NodeRequest): LeaveActs {
	return {
		cluster: new Cluster(cluster.kubeconfig, cluster.context),
		state: () => readMachineState(machine, node.name, cluster.caCertHashes),
		reset: () => resetMachine(machine),
	};
}
