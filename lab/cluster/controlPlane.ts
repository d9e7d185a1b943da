import { chmod, mkdir, rename, writeFile as writeLocalFile } from "node:fs/promises";
import { dirname } from "node:path";
import { exec, type HostSpec, writeFile } from "../host.ts";
import { put } from "../network.ts";
import { site } from "../site.ts";
import { clientFile, clientPki, etcdPki } from "./etcd.ts";
import { initConfig } from "./kubeadmConfig.ts";
import { kubeconfigFile, kubectl } from "./kubectl.ts";
import { install, nodeHostSpec, prepareNode, unitFile } from "./node.ts";
import type { Software } from "./software.ts";

const { name, address } = site.controlPlane;
const services = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
const configFile = "/etc/kubernetes/kubeadm.yaml";

/** The control plane's host: a node like the others, with etcd and the three parts of the control plane as services. */
export function controlPlaneHostSpec(software: Software): HostSpec {
	return {
		...nodeHostSpec(name, software),
		async prepare(root) {
			await prepareNode(root, name, software);
			const { binaries } = software;
			for (const command of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"] as const) {
				await install(binaries.kubernetes(command), root, `usr/bin/${command}`);
			}
			for (const service of services) {
				await put(root, `etc/systemd/system/${service}.service`, await unitFile(`${service}.service`));
			}
			await put(root, configFile, initConfig(binaries), 0o600);
			const { podRange, serviceRange, clusterDomain } = site;
			const values = {
				ADDRESS: address,
				POD_RANGE: podRange,
				SERVICE_RANGE: serviceRange,
				CLUSTER_DOMAIN: clusterDomain,
			};
			const environment = Object.entries(values).map(([key, value]) => `${key}=${value}\n`);
			await put(root, "etc/kubernetes/control-plane.env", environment.join(""));
		},
	};
}

/**
 * Makes the cluster on its booted host by kubeadm's phases. The control plane runs as services, because static pods need images that
 * only a registry has. Leaves the administrator's kubeconfig at {@link kubeconfigFile}, and what a client of etcd needs at
 * {@link clientFile}. A second call only copies these files.
 */
export async function initControlPlane(): Promise<void> {
	const done = "/etc/kubernetes/initialised";
	if ((await exec(name, ["test", "-e", done], { check: false })).exitCode !== 0) {
		await phase("certs", "all");
		await phase("kubeconfig", "all");
		await exec(name, ["systemctl", "enable", "--now", "--quiet", ...services]);
		await phase("upload-config", "all");
		await phase("bootstrap-token", "--skip-token-print");
		await phase("kubelet-start");
		await phase("addon", "all");
		await writeFile(name, done, "");
	}
	await copyOut("/etc/kubernetes/admin.conf", kubeconfigFile());
	for (const file of Object.values(clientPki)) await copyOut(`${etcdPki}/${file}`, clientFile(file));
}

/** Waits until the control plane's node has registered, and taints and labels it. */
export async function markControlPlane(): Promise<void> {
	await kubectl(["wait", "--for=create", `node/${name}`, "--timeout=60s"]);
	await phase("mark-control-plane");
}

async function phase(...argv: string[]): Promise<void> {
	await exec(name, ["kubeadm", "init", "phase", ...argv, "--config", configFile]);
}

/** Copies a file of the control plane's host to this machine, readable only for its owner. */
async function copyOut(path: string, file: string): Promise<void> {
	const { stdout } = await exec(name, ["cat", path]);
	await mkdir(dirname(file), { recursive: true });
	await writeLocalFile(`${file}.new`, `${stdout}\n`, { mode: 0o600 });
	await chmod(`${file}.new`, 0o600);
	await rename(`${file}.new`, file);
}
