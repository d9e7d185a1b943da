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

/** The kinds of gateway: a VM that the program makes on the site's hypervisor, or a machine that exists already. */
export const gatewayKinds = ["vm", "existing"] as const;
export type GatewayKind = (typeof gatewayKinds)[number];

/** What a gateway's VM is made from. */
export interface VmParts {
	readonly repository: Repository;
	readonly images: VmImages;
}

/**
 * Brings the whole site up. Leaves alone what runs already; cleans up and starts again what has died. Boots either the hypervisor
 * or the gateway's machine, as `gateway` says.
 * Throws when this machine cannot run a lab, or when another lab is up.
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
 * Boots the hypervisor or the gateway's machine. The rest of the site must be up, or come up at the same time.
 * Throws when a gateway of the other kind has the same address.
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
		`${other} has the gateway's address ${address}; take it down first: npm run lab -- pulumi destroy --yes && npm run lab -- down`,
	);
}

/** Makes the parts of a gateway's VM, or finds them in the cache. */
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
 * Removes sites: processes, mounts, namespaces, cgroups and files, also those that a crash has left. With the last site it also
 * undoes what was set on the machine for all of them.
 */
export async function down(report: Report, of: Scope): Promise<void> {
	await withLabLock(async () => {
		await claimMachine();
		await report.step("Stopping the hosts", async () => {
			// Their disks are removed, so that they need not shut down in order.
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
