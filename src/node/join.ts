import { randomInt } from "node:crypto";
import { renderJoinConfiguration } from "../core/kubeadm/joinConfiguration.ts";
import { isReady } from "../core/kubeadm/nodeReady.ts";
import { checkKubeadm, checkSkew } from "../core/kubeadm/versionSkew.ts";
import type { ReportLine } from "../core/values/reportLine.ts";
import type { Result } from "../core/values/result.ts";
import { Cluster } from "../kube/client.ts";
import { ClusterUnreachable } from "../kube/connection.ts";
import { readClusterSoftware } from "../kube/software.ts";
import { joinSteps, registeredNode } from "./joinSteps.ts";
import { joinMachine, readMachineState, resetMachine } from "./machine.ts";
import { reportPhase } from "./phase.ts";
import { prepareMachine } from "./prepare.ts";
import type { NodeRequest } from "./request.ts";

/** The lifetime of a bootstrap token, if this process is killed before it deletes the token. */
const TOKEN_LIFE_MINUTES = 10;
const READY_WITHIN_SECONDS = 600;

/**
 * Prepares the machine, joins it to the cluster, and waits until the node is ready. Skips steps that are already done. First
 * removes the remains of an earlier node from the machine and the cluster, or refuses because of them.
 *
 * The bootstrap token is made for this join and deleted right after it, so it is never in Pulumi's state. The script gets it in
 * the JoinConfiguration on standard input.
 *
 * @throws Error if the machine belongs to another cluster or is another node of this one, if another machine is the node of
 * this name, if the kubelet's version does not fit, or if kubeadm fails.
 */
export async function joinNode(request: NodeRequest, report: ReportLine): Promise<void> {
	const { machine } = request;
	const { name } = request.node;
	const cluster = new Cluster(request.cluster.kubeconfig, request.cluster.context);
	const [software, node, state] = await Promise.all([
		readClusterSoftware(cluster),
		cluster.node(name),
		readMachineState(machine, name, request.cluster.caCertHashes),
	]);
	// An installed kubelet is kept, even if the settings name another version.
	const expected = state.kubelet || (request.software.source === "packages" ? request.software.version : "");
	const steps = joinSteps({
		name,
		host: machine.host,
		addresses: [machine.host, ...request.node.addresses.map(({ text }) => text)],
		machine: state,
		otherNode: state.kind === "other-node" && (await cluster.node(state.detail)) !== undefined,
		skew: expected === "" ? [] : [checkSkew(expected, software.apiServer), checkKubeadm(expected)].flatMap(problemsOf),
		node: node && registeredNode(node),
		mayTakeOver: request.takeOver || request.disposable,
	});
	if ("refused" in steps) throw new Error(steps.refused);
	const say = (lines: readonly string[]) => lines.forEach((line) => void report(`${name}: ${line}`));
	say(steps.because);

	// Only a join needs the resolv.conf. A missing one must not fail the update of a node that works.
	const needed = steps.join ? software : { ...software, resolvConf: undefined };
	const preparing = { doing: "preparing", done: "prepared", unchanged: "is prepared" };
	const prepared = await reportPhase(report, name, preparing, async () => {
		if (steps.reset) say(await resetMachine(machine));
		const prepared = await prepareMachine(request, {
			software: needed,
			askKubelet: steps.join && state.kubelet === "",
		});
		say(prepared.notes);
		return { ...prepared, changed: prepared.changed || steps.reset };
	});
	const kubelet = steps.join ? (prepared.kubelet ?? state.kubelet) : (node?.status?.nodeInfo?.kubeletVersion ?? "");
	const skew = problemsOf(checkSkew(kubelet, software.apiServer));
	if (skew.length > 0) {
		if (steps.join) throw new Error(`${name} does not join: ${skew.join("; ")}`);
		say(skew.map((problem) => `warning: ${problem}`));
	}

	if (!steps.join) {
		report(`${name}: is a node already`);
		if (node && isReady(node)) return;
		await reportPhase(report, name, { doing: "waiting until it is ready", done: "ready" }, () =>
			waitUntilReady(cluster, name),
		);
		return;
	}
	await reportPhase(report, name, { doing: "joining", done: "joined" }, async () => {
		if (steps.removeNode) await cluster.deleteNode(name);
		await joinCluster(cluster, request, software.clientCaFile);
		return await waitUntilReady(cluster, name);
	});
}

function problemsOf(result: Result<unknown>): readonly string[] {
	return result.ok ? [] : result.problems;
}

async function joinCluster(
	cluster: Cluster,
	{ node, machine, cluster: { endpoint, caCertHashes } }: NodeRequest,
	caCertPath: string | undefined,
) {
	await cluster.withBootstrapToken(bootstrapToken(node.name), async (token) => {
		const configuration = renderJoinConfiguration(
			{ name: node.name, taints: [node.taint], labels: node.labels, addresses: node.addresses },
			{ apiServerEndpoint: endpoint, token, caCertHashes, caCertPath },
		);
		await joinMachine(machine, configuration, token);
	});
}

/** Waits until the node is ready, also while the API server cannot be reached. */
async function waitUntilReady(cluster: Cluster, name: string): Promise<{ readonly changed: true }> {
	const deadline = Date.now() + READY_WITHIN_SECONDS * 1000;
	for (;;) {
		const node = await cluster.node(name).catch((error: unknown) => {
			if (error instanceof ClusterUnreachable && Date.now() < deadline) return undefined;
			throw error;
		});
		if (node && isReady(node)) {
			return { changed: true };
		}
		if (Date.now() > deadline) {
			const reason = node?.status?.conditions?.find((condition) => condition.type === "Ready")?.message;
			throw new Error(
				`${name} joined but is not ready after ${READY_WITHIN_SECONDS} s: ${reason ?? "the Node object is missing or does not tell why"}`,
			);
		}
		await new Promise((resolve) => setTimeout(resolve, 500));
	}
}

function bootstrapToken(nodeName: string) {
	return {
		id: randomText(6),
		secret: randomText(16),
		description: `pod-gateway: joining ${nodeName}`,
		expires: new Date(Date.now() + TOKEN_LIFE_MINUTES * 60_000),
	};
}

/** Random characters of a-z0-9, of which kubeadm's tokens consist. */
function randomText(length: number): string {
	const characters = "abcdefghijklmnopqrstuvwxyz0123456789";
	return Array.from({ length }, () => characters[randomInt(characters.length)]).join("");
}
