import { z } from "zod";
import { parseClusterConfiguration } from "../core/kubeadm/clusterRanges.ts";
import { printable } from "../core/values/printable.ts";
import { parseYaml } from "../core/values/read.ts";
import { failure, type Result, success } from "../core/values/result.ts";
import type { Cluster } from "./client.ts";

/** The cluster's software, which a node must fit. */
export interface ClusterSoftware {
	/** The API server's own version. Example: `v1.34.4`. */
	readonly apiServer: string;
	/** The version from which kubeadm made the control plane. Example: `v1.34.4`. */
	readonly kubernetesVersion: string;
	/** Example: `registry.k8s.io`. */
	readonly imageRepository: string;
	readonly cgroupDriver: CgroupDriver;
	/** The path at which every kubelet looks for the cluster's CA. Default: kubeadm's. Example: `/etc/kubernetes/ssl/ca.crt`. */
	readonly clientCaFile?: string | undefined;
	/** The path of the resolv.conf that every kubelet gives its pods. Default: the kubelet's. */
	readonly resolvConf?: string | undefined;
}

/** The program that makes the cgroups on a node. The kubelet and the container runtime must use the same. */
export type CgroupDriver = "systemd" | "cgroupfs";

/** Reads the cluster's software from its API. @throws Error that names what cannot be read. */
export async function readClusterSoftware(cluster: Cluster): Promise<ClusterSoftware> {
	const [apiServer, clusterConfiguration, kubeletConfiguration] = await Promise.all([
		cluster.version(),
		cluster.configMapEntry("kube-system", "kubeadm-config", "ClusterConfiguration"),
		cluster.configMapEntry("kube-system", "kubelet-config", "kubelet"),
	]);
	const configuration = parseClusterConfiguration(clusterConfiguration);
	const cgroupDriver = parseCgroupDriver(kubeletConfiguration);
	const files = parseKubeletFiles(kubeletConfiguration);
	if (!configuration.ok || !cgroupDriver.ok || !files.ok) {
		const problems = [configuration, cgroupDriver, files].flatMap((result) => (result.ok ? [] : result.problems));
		throw new Error(`the cluster's records of its software cannot be read: ${problems.join("; ")}`);
	}
	const { kubernetesVersion, imageRepository } = configuration.value;
	return { apiServer, kubernetesVersion, imageRepository, cgroupDriver: cgroupDriver.value, ...files.value };
}

// kubeadm records the driver. If it is not set, kubeadm's default applies.
// https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/configure-cgroup-driver/
const kubeletConfiguration = z.object({
	kind: z.literal("KubeletConfiguration"),
	cgroupDriver: z.literal(["systemd", "cgroupfs"]).default("systemd"),
});

/** Reads the key `kubelet` of the ConfigMap `kube-system/kubelet-config`. Default: systemd. */
export function parseCgroupDriver(yaml: string): Result<CgroupDriver> {
	const parsed = kubeletConfiguration.safeParse(parseYaml(yaml));
	return parsed.success
		? success(parsed.data.cgroupDriver)
		: failure(`kubelet-config does not hold a KubeletConfiguration with a known cgroupDriver: ${printable(yaml)}`);
}

const path = z.string().regex(/^\/[\w./-]{1,250}$/, "is not an absolute path");
const kubeletFiles = z.object({
	authentication: z.object({ x509: z.object({ clientCAFile: path.optional() }).optional() }).optional(),
	resolvConf: path.or(z.literal("")).optional(),
});

/** Reads the paths in the key `kubelet` of the ConfigMap `kube-system/kubelet-config`. Every node must have these files. */
export function parseKubeletFiles(yaml: string): Result<Pick<ClusterSoftware, "clientCaFile" | "resolvConf">> {
	const parsed = kubeletFiles.safeParse(parseYaml(yaml));
	if (!parsed.success) {
		return failure(...parsed.error.issues.map(({ path, message }) => `kubelet-config: ${path.join(".")} ${message}`));
	}
	const { authentication, resolvConf } = parsed.data;
	return success({ clientCaFile: authentication?.x509?.clientCAFile, resolvConf: resolvConf || undefined });
}
