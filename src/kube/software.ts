import { z } from "zod";
import { parseClusterConfiguration } from "../core/kubeadm/clusterRanges.ts";
import { printable } from "../core/values/printable.ts";
import { parseYaml } from "../core/values/read.ts";
import { failure, type Result, success } from "../core/values/result.ts";
import type { Cluster } from "./client.ts";

/** The software a node has to fit. */
export interface ClusterSoftware {
	/** The API server's own version. Example: `v1.34.4`. */
	readonly apiServer: string;
	/** The version kubeadm made the control plane of. Example: `v1.34.4`. */
	readonly kubernetesVersion: string;
	/** Example: `registry.k8s.io`. */
	readonly imageRepository: string;
	readonly cgroupDriver: CgroupDriver;
	/** Where every kubelet looks for the cluster's CA; kubeadm's default where undefined. Example: `/etc/kubernetes/ssl/ca.crt`. */
	readonly clientCaFile?: string | undefined;
	/** The resolv.conf that every kubelet gives its pods; the kubelet's default where undefined. */
	readonly resolvConf?: string | undefined;
}

/** Who makes the cgroups on a node: kubelet and container runtime have to agree. */
export type CgroupDriver = "systemd" | "cgroupfs";

/** Asks the cluster. @throws Error naming what cannot be read. */
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
		throw new Error(`what the cluster says of its software cannot be read: ${problems.join("; ")}`);
	}
	const { kubernetesVersion, imageRepository } = configuration.value;
	return { apiServer, kubernetesVersion, imageRepository, cgroupDriver: cgroupDriver.value, ...files.value };
}

// kubeadm writes the driver down; where it is not set, kubeadm's default counts.
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
		: failure(`kubelet-config holds no KubeletConfiguration with a known cgroupDriver: ${printable(yaml)}`);
}

const path = z.string().regex(/^\/[\w./-]{1,250}$/, "is not an absolute path");
const kubeletFiles = z.object({
	authentication: z.object({ x509: z.object({ clientCAFile: path.optional() }).optional() }).optional(),
	resolvConf: path.or(z.literal("")).optional(),
});

/** Reads the files that the key `kubelet` of the ConfigMap `kube-system/kubelet-config` names, which each node is to have. */
export function parseKubeletFiles(yaml: string): Result<Pick<ClusterSoftware, "clientCaFile" | "resolvConf">> {
	const parsed = kubeletFiles.safeParse(parseYaml(yaml));
	if (!parsed.success) {
		return failure(...parsed.error.issues.map(({ path, message }) => `kubelet-config: ${path.join(".")} ${message}`));
	}
	const { authentication, resolvConf } = parsed.data;
	return success({ clientCaFile: authentication?.x509?.clientCAFile, resolvConf: resolvConf || undefined });
}
