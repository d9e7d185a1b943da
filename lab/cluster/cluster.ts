import { bootHost, isUp } from "../host.ts";
import type { Report } from "../progress.ts";
import { site } from "../site.ts";
import { recordBlocks } from "./blocks.ts";
import { controlPlaneHostSpec, initControlPlane, markControlPlane } from "./controlPlane.ts";
import { addIpvsProxy } from "./ipvs.ts";
import { hasJoined, join, joinTicket } from "./join.ts";
import { apply, awaitApi } from "./kubectl.ts";
import { manifest } from "./manifests.ts";
import { nodeHostSpec } from "./node.ts";
import { awaitReady, missing } from "./readiness.ts";
import type { Software } from "./software.ts";

export { addBlock, forgetInEtcd, recordInEtcd, removeBlock } from "./blocks.ts";
export { etcdSettings } from "./etcd.ts";
export { kubeconfigFile, kubectl } from "./kubectl.ts";

const machines = [site.controlPlane, ...site.workers];

/**
 * Brings the cluster up and waits until the control plane, the workers, CoreDNS and the `web` pods are ready. Keeps what exists
 * already; if everything is up, it only checks. Needs the site's network, keys and layers.
 */
export async function startCluster(report: Report, software: Software): Promise<void> {
	if (machines.every(({ name }) => isUp(name)) && (await serves())) return;
	const control = report.step("Control plane", () => startControlPlane(software));
	const workers = site.workers.map((worker) =>
		report.step(`Worker ${worker.name}`, async () => {
			await bootHost(nodeHostSpec(worker.name, software));
			await control;
			if (!(await hasJoined(worker))) await join(worker, await joinTicket());
		}),
	);
	await Promise.all([control, ...workers]);
	await report.step("Cluster ready", () => awaitReady(180));
}

/** Boots a machine with all that kubeadm needs, for a gateway that is not a VM. It does not join the cluster. */
export async function bootGatewayMachine(software: Software): Promise<void> {
	await bootHost(nodeHostSpec(site.gateway.name, software));
}

async function startControlPlane(software: Software): Promise<void> {
	await bootHost(controlPlaneHostSpec(software));
	await initControlPlane();
	await awaitApi();
	await apply(await manifest("calico.yaml", { "calico-node": software.images.calicoNode }));
	await recordBlocks(site.workers);
	await apply(await manifest("web.yaml", { web: software.images.web, workers: site.workers.length }));
	await markControlPlane();
	await addIpvsProxy();
}

/** Whether everything is up already; false also when the API does not answer. */
async function serves(): Promise<boolean> {
	return missing().then(
		(absent) => absent.length === 0,
		() => false,
	);
}
