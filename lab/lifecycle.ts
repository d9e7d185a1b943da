import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { siteDir, siteDirs } from "./cache.ts";
import { removeCgroups } from "./cgroups.ts";
import { bootGatewayMachine, startCluster } from "./cluster/cluster.ts";
import { ensureSoftware, type Software } from "./cluster/software.ts";
import { bootHost, isUp, powerOff } from "./host.ts";
import { raiseInotifyLimit, restoreInotifyLimit } from "./inotify.ts";
import { ensureKeys } from "./keys.ts";
import { ensureLayers } from "./layers.ts";
import { endStrays, unmountStrays } from "./leftovers.ts";
import { withLabLock } from "./lock.ts";
import { withBuildLock } from "./machineLock.ts";
import { ensureNamespaces, removeNamespaces } from "./namespaces.ts";
import { claimMachine, releaseMachine } from "./owner.ts";
import { ensureRepository, type Repository } from "./packages.ts";
import { ensurePrerequisites } from "./prerequisites.ts";
import type { Report } from "./progress.ts";
import { outsideHosts } from "./servers.ts";
import { type Scope, site } from "./site.ts";
import { domains, hypervisorSpec, vmAddress } from "./vm/hypervisor.ts";
import { ensureVmImages, type VmImages } from "./vm/image.ts";

/** What the gateway is: a VM that the program makes on the site's hypervisor, or a machine that is there already. */
export const gatewayKinds = ["vm", "existing"] as const;
export type GatewayKind = (typeof gatewayKinds)[number];

/** What a gateway's VM is made of. */
export interface VmParts {
	readonly repository: Repository;
	readonly images: VmImages;
}

/**
 * Brings the whole site up: what is there already stays as it is, what has died is cleaned up and started again. Of the
 * hypervisor and the gateway's machine it boots the one that is asked for.
 * Throws when the machine cannot run a lab, or another one is up.
 */
export async function up(report: Report, gateway: GatewayKind): Promise<void> {
	await withLabLock(async () => {
		await withBuildLock(async () => {
			await ensurePrerequisites(report);
			await claimMachine();
			await raiseInotifyLimit();
			await ensureLayers(report);
		});
		await unmountStrays("site");
		await report.step("Network", ensureNamespaces);
		await ensureKeys();
		const outside = outsideHosts.map((spec) => report.step(`Booting ${spec.name}`, () => bootHost(spec)));
		const software = await buildSoftware(report);
		const cluster = startCluster(report, software);
		await Promise.all([...outside, cluster, bootGateway(report, gateway)]);
	});
}

/**
 * Boots the hypervisor or the gateway's machine. The site must be up otherwise, or come up.
 * Throws when a gateway of the other kind runs at the same address.
 */
export async function bootGateway(report: Report, gateway: GatewayKind): Promise<void> {
	await refuseSecondGateway(gateway);
	if (gateway === "existing") {
		const software = await buildSoftware(report);
		await report.step(`Booting ${site.gateway.name}`, () => bootGatewayMachine(software));
	} else {
		await report.step(`Booting ${hypervisorSpec.name}`, () => bootHost(hypervisorSpec));
		await ensureVmParts(report);
	}
}

async function refuseSecondGateway(gateway: GatewayKind): Promise<void> {
	const { name, address } = site.gateway;
	const vm = [...(await domains())].find(([vm, state]) => state === "running" && vmAddress(vm) === address);
	const other = gateway === "existing" ? vm && `the VM ${vm[0]}` : isUp(name) && `the existing machine ${name}`;
	if (!other) return;
	throw new Error(
		`${other} has the gateway's address ${address}; take it away first: npm run lab -- pulumi destroy --yes && npm run lab -- down`,
	);
}

/** Makes what a gateway's VM is made of, or finds it in the cache. */
export async function ensureVmParts(report: Report): Promise<VmParts> {
	const { binaries, images } = await buildSoftware(report);
	return withBuildLock(async () => {
		const repository = await ensureRepository(report, binaries);
		return { repository, images: await ensureVmImages(report, images, repository) };
	});
}

function buildSoftware(report: Report): Promise<Software> {
	return withBuildLock(() => ensureSoftware(report));
}

/**
 * Takes sites down and away: processes, mounts, namespaces, cgroups and files, also what a crash has left of them. With the last
 * site goes what the machine was given for all.
 */
export async function down(report: Report, of: Scope): Promise<void> {
	await withLabLock(async () => {
		await claimMachine();
		await report.step("Stopping the hosts", async () => {
			// Their disks are thrown away: there is nothing for them to save.
			if (of !== "tests") await Promise.all((await hostsWithState()).map(powerOff));
			await endStrays(of);
		});
		await report.step("Removing what they leave", async () => {
			await unmountStrays(of);
			await removeNamespaces(of);
			await removeCgroups(of);
			for (const folder of await siteDirs(of)) await rm(folder, { recursive: true, force: true });
			if ((await siteDirs("machine")).length > 0) return;
			await restoreInotifyLimit();
			await releaseMachine();
		});
	});
}

async function hostsWithState(): Promise<string[]> {
	const folder = siteDir("hosts");
	return existsSync(folder) ? readdir(folder) : [];
}
