import type { V1Pod } from "@kubernetes/client-node";
import { isReady } from "../core/kubeadm/nodeReady.ts";
import { type Cluster, nameOf, namespaceOf } from "../kube/client.ts";

/**
 * Whether a drain must evict the pod, as `kubectl drain --ignore-daemonsets` decides. A drain leaves DaemonSets' pods (their
 * controller ignores cordons), mirrors of static pods (the API cannot remove them), and pods that have ended.
 */
export function mustLeave(pod: V1Pod): boolean {
	const owner = pod.metadata?.ownerReferences?.find((reference) => reference.controller);
	const mirror = pod.metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined;
	const ended = pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
	return owner?.kind !== "DaemonSet" && !mirror && !ended;
}

/** The part of the cluster's API that a drain needs. */
export type DrainedCluster = Pick<Cluster, "node" | "cordon" | "podsOn" | "pod" | "evict">;

/**
 * Cordons the node, evicts every pod that must leave it, and waits until all of them are gone.
 *
 * @param timeout seconds for everything.
 * @param notReadyTimeout seconds to wait while the node is not ready; only its kubelet can end pods. Default: `timeout`.
 * @returns the names of the pods that left, as NAMESPACE/NAME.
 * @throws Error that names the pods that are still there when the time is over, and those held by a disruption budget.
 */
export async function drain(
	cluster: DrainedCluster,
	node: string,
	timeout: number,
	notReadyTimeout = timeout,
): Promise<string[]> {
	const deadline = Date.now() + timeout * 1000;
	let lastReady = Date.now();
	await cluster.cordon(node);
	const left: string[] = [];
	let leaving = (await cluster.podsOn(node)).filter(mustLeave);
	const [asked, held] = [new Set<string>(), new Set<string>()];
	while (leaving.length > 0) {
		for (const pod of leaving) {
			// Each request may be slow, and there may be a hundred pods.
			if (Date.now() > deadline) break;
			const uid = uidOf(pod);
			if (asked.has(uid)) continue;
			((await cluster.evict(pod)) ? asked : held).add(uid);
		}
		const present = await Promise.all(leaving.map((pod) => cluster.pod(pod)));
		left.push(...leaving.filter((_, index) => !present[index]).map(label));
		leaving = present.filter((pod) => pod !== undefined);
		if (leaving.length > 0 && notReadyTimeout < timeout) {
			const found = await cluster.node(node);
			if (found && isReady(found)) lastReady = Date.now();
			else if (Date.now() > lastReady + notReadyTimeout * 1000) {
				throw new Error(
					`${node} is not ready, so its kubelet does not end these pods, and they are not waited for: ${leaving.map(label).join(", ")}`,
				);
			}
		}
		if (leaving.length > 0 && Date.now() > deadline) {
			const kept = leaving.filter((pod) => held.has(uidOf(pod)) && !asked.has(uidOf(pod))).map(label);
			throw new Error(
				`${node} is not drained after ${timeout} s; still there: ${leaving.map(label).join(", ")}${kept.length > 0 ? `; held by a PodDisruptionBudget: ${kept.join(", ")}` : ""}`,
			);
		}
		await new Promise((resolve) => setTimeout(resolve, leaving.length > 0 ? 500 : 0));
	}
	return left;
}

function uidOf(pod: V1Pod): string {
	return pod.metadata?.uid ?? "";
}

function label(pod: V1Pod): string {
	return `${namespaceOf(pod)}/${nameOf(pod)}`;
}
