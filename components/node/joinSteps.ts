import type { V1Node } from "@kubernetes/client-node";
import type { MachineState } from "./machineState.ts";

/** What is known before a join. */
export interface Situation {
	/** The node's name. */
	readonly name: string;
	/** The machine's name or address, for people. */
	readonly host: string;
	readonly machine: MachineState;
	/** The Node object of that name. */
	readonly node: RegisteredNode | undefined;
	/** Whether the machine's membership of another cluster may be ended. */
	readonly mayTakeOver: boolean;
}

/** A Node object, as far as a join asks. */
export interface RegisteredNode {
	readonly ready: boolean;
	/** `status.nodeInfo.machineID`; "" where unknown. */
	readonly machineId: string;
}

/** What a join has to do, in this order, or why it must not be done. */
export type JoinSteps =
	| { readonly refused: string }
	| {
			/** Whether the machine is reset. */
			readonly reset: boolean;
			/** Whether the Node object is removed. */
			readonly removeNode: boolean;
			/** Whether kubeadm joins; otherwise the machine is this cluster's node already. */
			readonly join: boolean;
			/** What was found and is done about it, a line each, for people. */
			readonly because: readonly string[];
	  };

/** Decides how a machine becomes the node: what an earlier life left behind is never silently used again. */
export function joinSteps({ name, host, machine, node, mayTakeOver }: Situation): JoinSteps {
	if (machine.kind === "control-plane") {
		return { refused: `${host} is a control-plane node (${machine.detail}); a gateway needs a machine of its own` };
	}
	if (machine.kind === "other" && !mayTakeOver) {
		return {
			refused: `${host} is a node of another cluster, whose API server is ${machine.detail}; take it out of that one first (kubeadm reset), or set takeOver: true for the gateway to have that done`,
		};
	}
	if (machine.kind === "joined" && node) {
		return { reset: false, removeNode: false, join: false, because: [] };
	}
	const sameMachine = node !== undefined && node.machineId !== "" && node.machineId === machine.machineId;
	if (node?.ready && !sameMachine) {
		return {
			refused: `another machine is the node ${name} and it is ready; give the gateway another nodeName or remove that node`,
		};
	}
	const found = {
		free: undefined,
		joined: "has joined before, but the cluster does not know it any more",
		partial: `has the remains of a join that did not come to its end (${machine.detail})`,
		other: `is a node of another cluster, whose API server is ${machine.detail}, and may be taken over`,
	}[machine.kind];
	return {
		reset: found !== undefined,
		removeNode: node !== undefined,
		join: true,
		because: [
			...(found ? [`${host} ${found}: resetting it`] : []),
			...(node ? [`the Node object is a leftover${sameMachine ? " of this machine" : ""}: removing it`] : []),
		],
	};
}

/** A Node object, as far as a join asks. */
export function registeredNode(node: V1Node): RegisteredNode {
	return { ready: isReady(node), machineId: node.status?.nodeInfo?.machineID ?? "" };
}

/** Whether the node's kubelet calls it ready. */
export function isReady(node: V1Node): boolean {
	return (
		node.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false
	);
}
