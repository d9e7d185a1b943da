import { cp, mkdir, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type HostSpec, hostDir } from "../host.ts";
import { machineNamed } from "../machines.ts";
import { enableUnit, put, useNetworkd } from "../network.ts";
import { copyImageStore } from "./imageStore.ts";
import type { Software } from "./software.ts";

const systemUnits = "usr/lib/systemd/system";

/**
 * A machine that kubeadm can join to a cluster. It has containerd, kubelet and kubeadm as the official packages install them, CNI
 * plugins where kubelets look for them, forwarding, and the images. It has nothing of a cluster yet.
 */
export function nodeHostSpec(name: string, software: Software): HostSpec {
	return { name, layers: ["node"], kubelet: true, prepare: (root) => prepareNode(root, name, software) };
}

/** Prepares a root filesystem as {@link nodeHostSpec} says. */
export async function prepareNode(root: string, name: string, { binaries, images }: Software): Promise<void> {
	await useNetworkd(root, machineNamed(name));
	for (const command of ["kubeadm", "kubelet"] as const) {
		await install(binaries.kubernetes(command), root, `usr/bin/${command}`);
	}
	for (const unit of ["fresh-cgroups.service", "kubelet.service"]) {
		await put(root, `${systemUnits}/${unit}`, await unitFile(unit));
	}
	await put(root, `${systemUnits}/kubelet.service.d/10-kubeadm.conf`, await unitFile("10-kubeadm.conf"));
	const containerd = (await unitFile("containerd.toml")).replace("@PAUSE@", images.pause);
	await put(root, "etc/containerd/config.toml", containerd);
	await put(root, "etc/sysctl.d/99-kubernetes.conf", await unitFile("node-sysctl.conf"));
	for (const folder of ["etc/kubernetes/manifests", "etc/cni/net.d", "opt/cni"]) {
		await mkdir(join(root, folder), { recursive: true });
	}
	await symlink("/usr/lib/cni", join(root, "opt/cni/bin"));
	await copyImageStore(images.store, hostDir(name, "containerd"));
	for (const unit of ["fresh-cgroups.service", "containerd.service", "kubelet.service"]) {
		await enableUnit(root, "multi-user.target", unit);
	}
}

/** Copies an executable of this machine into a root filesystem. */
export async function install(source: string, root: string, path: string): Promise<void> {
	const target = join(root, path);
	await mkdir(dirname(target), { recursive: true });
	await cp(source, target);
}

/** The text of a file in `units/`. */
export async function unitFile(name: string): Promise<string> {
	return readFile(new URL(`units/${name}`, import.meta.url), "utf8");
}
