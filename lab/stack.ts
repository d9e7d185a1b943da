import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { LAB_SITE } from "../cli/onLab.ts";
import { kubeconfigFile } from "./cluster/cluster.ts";
import { IPVS_LABEL } from "./cluster/ipvs.ts";
import { hostPublicKey, operatorKeyFile } from "./keys.ts";
import { ensureVmParts, type GatewayKind, type VmParts } from "./lifecycle.ts";
import { routerAddress } from "./namespaces.ts";
import { progress } from "./progress.ts";
import { type Machine, site, siteId, stackName } from "./site.ts";
import { imagesOnHypervisor } from "./vm/hypervisor.ts";

/** A gateway of the stack's settings. Its other keys depend on its driver. */
export type GatewaySettings = { readonly name: string; readonly address: string } & Readonly<Record<string, unknown>>;

/** The settings of the site's stack, with this lab's keys, as data like that in `stacks/Pulumi.<env>.yaml`. */
export async function labSettings(gateway: GatewayKind) {
	return {
		[LAB_SITE]: siteId,
		"pod-gateway:cluster": { kubeconfigFile: kubeconfigFile() },
		"pod-gateway:ssh": { user: "root", privateKeyFile: operatorKeyFile() },
		"pod-gateway:gateways": [gateway === "vm" ? vmGateway(await ensureVmParts(progress())) : existingGateway()] as [
			GatewaySettings,
		],
		"pod-gateway:verify": {
			names: [`web-http.default.svc.${site.clusterDomain}`],
			pods: [`web.default.svc.${site.clusterDomain}`],
			outside: [site.outsideName.name],
		},
		"pod-gateway:servers": site.servers.map((server) => ({
			...machine(server),
			...(server.user && { ssh: { user: server.user } }),
		})),
	};
}

export type LabSettings = Awaited<ReturnType<typeof labSettings>>;

function machine({ name, address }: Machine) {
	return { name, address, hostKey: hostPublicKey(name) };
}

function existingGateway(): GatewaySettings {
	return { ...machine(site.gateway), kubernetes: { source: "preinstalled" } };
}

function vmGateway({ repository, images }: VmParts): GatewaySettings {
	const folder = `${imagesOnHypervisor}/${images.folder}`;
	const { address, hostKey } = machine(site.hypervisor);
	return {
		...site.gateway,
		address6: site.gatewayAddress6,
		driver: "libvirt",
		labels: { "pod-gateway": "true", [IPVS_LABEL]: "true" },
		kubernetes: { repository: repository.url, repositoryKey: repository.key },
		libvirt: {
			hypervisor: { address, hostKey },
			image: { source: `${folder}/v1.qcow2`, sha256: images.sha256.v1 },
			boot: {
				kernel: `${folder}/vmlinuz`,
				initrd: `${folder}/initrd`,
				// Faster on an emulated processor: no mitigations, little output on the console.
				commandLine: "root=LABEL=root rw console=ttyS0 quiet mitigations=off audit=0",
			},
			cpus: 2,
			memory: 2048,
			disk: 8,
			bridge: "br0",
			emulation: true,
			network: {
				prefixLength: site.prefixLength,
				router: routerAddress,
				nameservers: [site.resolver.address],
			},
		},
	};
}

/** The file with the stack's settings. {@link writeStack} makes it. It is not committed, because its keys are this lab's. */
export const labStackFile = join(import.meta.dirname, "..", "stacks", `Pulumi.${stackName}.yaml`);

/** Writes the stack's settings. What Pulumi itself keeps in that file (the passphrase's salt) stays. */
export async function writeStack(settings: object): Promise<void> {
	const document = parseDocument(existsSync(labStackFile) ? readFileSync(labStackFile, "utf8") : "");
	document.set("config", settings);
	document.commentBefore = " The lab makes this file from its site and keys; every `npm run demo` writes it again.";
	await writeFile(labStackFile, document.toString({ lineWidth: 0 }));
}
