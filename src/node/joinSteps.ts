import type { V1Node } from "@kubernetes/client-node";
import { isReady } from "../core/kubeadm/nodeReady.ts";
import { parseAddress } from "../core/values/address.ts";
import type { MachineState } from "./machineState.ts";

/** What is known before a join. */
export interface Situation {
	/** The node's name. */
	readonly name: string;
	/** The machine's name or address, for people. */
	readonly host: string;
	/** The machine's addresses, as a Node object would have them. */
	readonly addresses: readonly string[];
	readonly machine: MachineState;
	/** The Node object of that name. */
	readonly node: RegisteredNode | undefined;
	/** Whether the cluster has a Node object of the name that the machine bears, where that is another one (`other-node`). */
	readonly otherNode: boolean;
	/** Why the kubelet's version does not fit the cluster, as far as that is known before anything is done. */
	readonly skew: readonly string[];
	/** Whether the machine's membership of another cluster may be ended. */
	readonly mayTakeOver: boolean;
}

/** A Node object, as far as a join asks. */
export interface RegisteredNode {
	readonly ready: boolean;
	/** `status.nodeInfo.machineID`; "" where unknown. */
	readonly machineId: string;
	/** Its InternalIPs. */
	readonly addresses: readonly string[];
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
export function joinSteps(situation: Situation): JoinSteps {
	const { name, host, machine, node, otherNode, skew, mayTakeOver } = situation;
	if (machine.kind === "control-plane") {
		return { refused: `${host} is a control-plane node (${machine.detail}); a gateway needs a machine of its own` };
	}
	if (machine.kind === "other-node" && otherNode) {
		return {
			refused: `${host} is the node ${machine.detail} of this cluster; correct the gateway's address in the settings, or, if that machine is to become the gateway, take it out first: kubectl drain ${machine.detail} --ignore-daemonsets, then kubectl delete node ${machine.detail}`,
		};
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
	// A machine rebuilt in its predecessor's place has another id, and the predecessor's Node stays ready for 40 s after its end.
	const samePlace = node !== undefined && haveCommon(node.addresses, situation.addresses);
	if (node?.ready && !sameMachine && !samePlace) {
		return {
			refused: `another machine is the node ${name} and it is ready; give the gateway another nodeName or remove that node`,
		};
	}
	if (skew.length > 0) return { refused: `${name} does not join: ${skew.join("; ")}` };
	const found = {
		free: undefined,
		joined: "has joined before, but the cluster does not know it any more",
		partial: `has the remains of a join that did not come to its end (${machine.detail})`,
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
						`the Node object is a leftover${sameMachine ? " of this machine" : samePlace ? " of a machine at this address" : ""}: removing it`,
					]
				: []),
		],
	};
}

/** A Node object, as far as a join asks. */
export function registeredNode(node: V1Node): RegisteredNode {
	const addresses = node.status?.addresses ?? [];
	return {
		ready: isReady(node),
		machineId: node.status?.nodeInfo?.machineID ?? "",
		addresses: addresses.filter(({ type }) => type === "InternalIP").map(({ address }) => address),
	};
}

/** Whether an address is in both; an IPv6 address may be written in several ways. */
function haveCommon(some: readonly string[], others: readonly string[]): boolean {
	const known = new Set(others.map(canonical));
	return some.some((one) => known.has(canonical(one)));
}

function canonical(text: string): string {
	const parsed = parseAddress(text);
	return parsed.ok ? parsed.value.text : text;
}
