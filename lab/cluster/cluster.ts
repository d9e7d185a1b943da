import { bootHost, isUp } from "../host.ts";
import type { Report } from "../progress.ts";
import { site } from "../site.ts";
import { blockAffinity, ipPool } from "./blocks.ts";
import { controlPlaneHostSpec, initControlPlane, markControlPlane } from "./controlPlane.ts";
import { hasJoined, join, joinTicket } from "./join.ts";
import { apply, awaitApi } from "./kubectl.ts";
import { manifest } from "./manifests.ts";
import { nodeHostSpec } from "./node.ts";
import { awaitReady, missing } from "./readiness.ts";
import { ensureSoftware, type Software } from "./software.ts";

export { addBlock, removeBlock } from "./blocks.ts";
export { kubeconfigFile, kubectl } from "./kubectl.ts";

const machines = [site.controlPlane, ...site.workers, site.gateway];

/**
 * Brings the cluster up and waits until it serves: control plane and workers joined and ready, CoreDNS and the `web` pods
 * too; the gateway's machine booted with all that kubeadm needs, but not joined. What is there already is kept, and a second
 * call only looks. The site's network, keys and layers must be there.
 */
export async function startCluster(report: Report): Promise<void> {
	if (machines.every(({ name }) => isUp(name)) && (await serves())) return;
	const software = await ensureSoftware(report);
	const control = report.step("Control plane", () => startControlPlane(software));
	const workers = site.workers.map((worker) =>
		report.step(`Worker ${worker.name}`, async () => {
			await bootHost(nodeHostSpec(worker.name, software));
			await control;
			if (!(await hasJoined(worker))) await join(worker, await joinTicket());
		}),
	);
	const gateway = report.step(`Gateway's machine ${site.gateway.name}`, () =>
		bootHost(nodeHostSpec(site.gateway.name, software)),
	);
	await Promise.all([control, ...workers, gateway]);
	await report.step("Cluster ready", () => awaitReady(180));
}

async function startControlPlane(software: Software): Promise<void> {
	await bootHost(controlPlaneHostSpec(software));
	await initControlPlane();
	await awaitApi();
	await apply(await manifest("calico.yaml", { "calico-node": software.images.calicoNode }));
	const affinities = site.workers.flatMap(({ name, blocks }) => blocks.map((cidr) => blockAffinity(name, cidr)));
	await apply([ipPool(), ...affinities]);
	await apply(await manifest("web.yaml", { web: software.images.web, workers: site.workers.length }));
	await markControlPlane();
}

/** Whether everything is up already; an API that does not answer means no. */
async function serves(): Promise<boolean> {
	return missing().then(
		(absent) => absent.length === 0,
		() => false,
	);
}
