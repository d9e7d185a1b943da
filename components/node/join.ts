import { randomInt } from "node:crypto";
import type { V1Node } from "@kubernetes/client-node";
import { renderJoinConfiguration } from "../network/joinConfiguration.ts";
import { Cluster } from "./cluster.ts";
import { joinMachine, machineState, resetMachine } from "./machine.ts";
import type { NodeRequest } from "./request.ts";

/** How long a bootstrap token lives should nobody be left to remove it. */
const TOKEN_LIFE_MINUTES = 10;
const READY_WITHIN_SECONDS = 240;

/**
 * Makes the machine a node of the cluster; does nothing when it is one already.
 *
 * A bootstrap token is made for this one join and removed right after it, so it is never in Pulumi's state; it travels inside
 * the JoinConfiguration on standard input.
 *
 * @returns what was done, for people.
 * @throws Error when the machine belongs to another cluster, when another machine bears the node's name, or when kubeadm fails.
 */
export async function join(request: NodeRequest, report: (line: string) => void): Promise<string> {
	const { node } = request;
	const cluster = new Cluster(request.cluster.kubeconfig, request.cluster.context);
	const state = await machineState(request.machine, request.cluster.caCertHashes);
	const registered = await cluster.node(node.name);
	if (state === "joined" && registered) {
		return `${node.name} is a node of this cluster already`;
	}
	if (state === "other") {
		throw new Error(
			`${request.machine.host} is a node of another cluster (its /etc/kubernetes/kubelet.conf has another CA); take it out of that one first: kubeadm reset`,
		);
	}
	if (state === "joined") {
		report(`${node.name} has joined before, but the cluster does not know it any more: joining again`);
		await resetMachine(request.machine);
	} else if (registered && isReady(registered)) {
		throw new Error(
			`another machine is the node ${node.name} and it is ready; give the gateway another nodeName or remove that node`,
		);
	} else if (registered) {
		report(`removing the stale node ${node.name}`);
		await cluster.deleteNode(node.name);
	}

	report(`joining ${node.name}`);
	await cluster.withBootstrapToken(bootstrapToken(node.name), async (token) => {
		const configuration = renderJoinConfiguration(
			{ name: node.name, taints: [node.taint], labels: node.labels, addresses: node.addresses },
			{ apiServerEndpoint: request.cluster.endpoint, token, caCertHashes: request.cluster.caCertHashes },
		);
		await joinMachine(request.machine, configuration, token);
	});
	report(`waiting until ${node.name} is ready`);
	await ready(cluster, node.name);
	return `${node.name} joined`;
}

async function ready(cluster: Cluster, name: string): Promise<void> {
	const deadline = Date.now() + READY_WITHIN_SECONDS * 1000;
	for (;;) {
		const node = await cluster.node(name);
		if (node && isReady(node)) {
			return;
		}
		if (Date.now() > deadline) {
			const reason = node?.status?.conditions?.find((condition) => condition.type === "Ready")?.message;
			throw new Error(`${name} joined but is not ready after ${READY_WITHIN_SECONDS} s: ${reason ?? "no Node object"}`);
		}
		await new Promise((resolve) => setTimeout(resolve, 500));
	}
}

function isReady(node: V1Node): boolean {
	return (
		node.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false
	);
}

function bootstrapToken(nodeName: string) {
	return {
		id: randomText(6),
		secret: randomText(16),
		description: `pod-gateway: joining ${nodeName}`,
		expires: new Date(Date.now() + TOKEN_LIFE_MINUTES * 60_000),
	};
}

/** Characters as kubeadm's tokens have them: a-z0-9. */
function randomText(length: number): string {
	const characters = "abcdefghijklmnopqrstuvwxyz0123456789";
	return Array.from({ length }, () => characters[randomInt(characters.length)]).join("");
}
