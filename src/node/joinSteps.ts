import type { V1Node } from "@kubernetes/client-node";
import { isReady } from "../core/kubeadm/nodeReady.ts";
import { parseAddress } from "../core/values/address.ts";
import type { MachineState } from "./machineState.ts";

/** The facts that are known before a join. */
export interface Situation {
	/** The node's name. */
	readonly name: string;
	/** The machine's name or address, for messages. */
	readonly host: string;
	/** The machine's addresses, as its Node object would list them. */
	readonly addresses: readonly string[];
	readonly machine: MachineState;
	/** The Node object of that name; undefined if there is none. */
	readonly node: RegisteredNode | undefined;
	/** Whether the cluster has a Node object with the machine's own node name, if that is another one (`other-node`). */
	readonly otherNode: boolean;
	/** Why the kubelet or kubeadm does not fit the cluster; empty if they fit, or if the version is not known yet. */
	readonly skew: readonly string[];
	/** Whether to reset a machine that belongs to another cluster. */
	readonly mayTakeOver: boolean;
}

/** The parts of a Node object that a join needs. */
export interface RegisteredNode {
	readonly ready: boolean;
	/** `status.nodeInfo.machineID`; "" if unknown. */
	readonly machineId: string;
	/** Its InternalIPs. */
	readonly addresses: readonly string[];
}

/** The steps of a join, in this order, or why it is refused. */
export type JoinSteps =
	| { readonly refused: string }
	| {
			/** Whether to reset the machine. */
			readonly reset: boolean;
			/** Whether to remove the Node object. */
			readonly removeNode: boolean;
			/** Whether kubeadm joins. If not, the machine is this cluster's node already. */
			readonly join: boolean;
			/** The findings, and what is done about each, a line each. */
			readonly because: readonly string[];
	  };

/** Decides how a machine becomes the node. Never silently uses the remains of an earlier node. */
export function joinSteps(situation: Situation): JoinSteps {
	const { name, host, machine, node, otherNode, skew, mayTakeOver } = situation;
	if (machine.kind === "control-plane") {
		return { refused: `${host} is a control-plane node (${machine.detail}); a gateway needs a machine of its own` };
	}
	if (machine.kind === "other-node" && otherNode) {
		return {
			refused:
				`${host} is the node ${machine.detail} of this cluster; correct the gateway's address in the settings, ` +
				"or, to make that machine the gateway, remove the node first: " +
				`kubectl drain ${machine.detail} --ignore-daemonsets, then kubectl delete node ${machine.detail}`,
		};
	}
	if (machine.kind === "other" && !mayTakeOver) {
		return {
			refused:
				`${host} is a node of another cluster, whose API server is ${machine.detail}; ` +
				"remove it from that cluster first (kubeadm reset), or set takeOver: true for the gateway",
		};
	}
	if (machine.kind === "joined" && node) {
		return { reset: false, removeNode: false, join: false, because: [] };
	}
	const sameMachine = node !== undefined && node.machineId !== "" && node.machineId === machine.machineId;
	// A rebuilt machine at the same address has another id, and its predecessor's Node stays ready for 40 s.
	const sameAddress = node !== undefined && haveCommon(node.addresses, situation.addresses);
	if (node?.ready && !sameMachine && !sameAddress) {
		return {
			refused: `another machine is the node ${name}, and it is ready; give the gateway another nodeName or remove that node`,
		};
	}
	if (skew.length > 0) return { refused: `${name} does not join: ${skew.join("; ")}` };
	const found = {
		free: undefined,
		joined: "has joined before, but the cluster does not know it any more",
		partial: `has the remains of an interrupted join (${machine.detail})`,
		"other-node": `was the node ${machine.detail}, which the cluster does not know any more`,
		other: `is a node of another cluster, whose API server is ${machine.detail}, and may be taken over`,
	}[machine.kind];
	return {
		reset: found !== undefined,
		removeNode: node !== undefined,
		join: true,
		because: [
			...(found ? [`${host} ${found}: resetting it`] : []),
			...(node
				? [
						`the Node object is a leftover${sameMachine ? " of this machine" : sameAddress ? " of a machine at this address" : ""}: removing it`,
					]
				: []),
		],
	};
}

/** Reads the parts of a Node object that a join needs. */
export function registeredNode(node: V1Node): RegisteredNode {
	const addresses = node.status?.addresses ?? [];
	return {
		ready: isReady(node),
		machineId: node.status?.nodeInfo?.machineID ?? "",
		addresses: addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address),
	};
}

/** Whether an address is in both lists, even in another spelling. */
function haveCommon(some: readonly string[], others: readonly string[]): boolean {
	const known = new Set(others.map(canonical));
	return some.some((one) => known.has(canonical(one)));
}

function canonical(text: string): string {
	const parsed = parseAddress(text);
	return parsed.ok ? parsed.value.text : text;
}
