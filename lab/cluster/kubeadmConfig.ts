import { stringify } from "yaml";
import { site } from "../site.ts";

/** The API's address, as every machine of the site reaches it. */
export const apiEndpoint = `${site.controlPlane.address}:6443`;

const kubeadm = "kubeadm.k8s.io/v1beta4";

/** How kubeadm registers one of the lab's machines. */
function nodeRegistration(name: string, address: string) {
	return {
		name,
		criSocket: "unix:///run/containerd/containerd.sock",
		kubeletExtraArgs: [{ name: "node-ip", value: address }],
	};
}

/** CoreDNS tolerates the first taint. The second one keeps it away: this node has no block, so no address for a pod. */
const controlPlaneTaints = [
	{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" },
	{ key: "pod-gateway.lab/no-pod-block", effect: "NoSchedule" },
];

/** What `kubeadm init phase … --config` reads for the lab's cluster. */
export function initConfig(versions: { kubernetesVersion: string; coreDnsVersion: string }): string {
	const { controlPlane, podRange, serviceRange, clusterDomain, dnsAddress } = site;
	const registration = nodeRegistration(controlPlane.name, controlPlane.address);
	return documents([
		{
			apiVersion: kubeadm,
			kind: "InitConfiguration",
			localAPIEndpoint: { advertiseAddress: controlPlane.address, bindPort: 6443 },
			nodeRegistration: {
				...registration,
				// The node registers with its taints, because kubeadm sets them later, when pods may run there already.
				kubeletExtraArgs: [
					...registration.kubeletExtraArgs,
					{
						name: "register-with-taints",
						value: controlPlaneTaints.map(({ key, effect }) => `${key}=:${effect}`).join(","),
					},
				],
				taints: controlPlaneTaints,
			},
			// kubeadm always makes one token. Workers get tokens of their own when they join.
			bootstrapTokens: [{ ttl: "1m0s" }],
		},
		{
			apiVersion: kubeadm,
			kind: "ClusterConfiguration",
			kubernetesVersion: versions.kubernetesVersion,
			controlPlaneEndpoint: apiEndpoint,
			networking: { podSubnet: podRange, serviceSubnet: serviceRange, dnsDomain: clusterDomain },
			encryptionAlgorithm: "ECDSA-P256", // RSA's keys take seconds to make.
			dns: { imageTag: versions.coreDnsVersion },
		},
		{
			apiVersion: "kubelet.config.k8s.io/v1beta1",
			kind: "KubeletConfiguration",
			cgroupDriver: "cgroupfs",
			clusterDNS: [dnsAddress],
			clusterDomain,
			failCgroupV1: false,
			failSwapOn: false,
			resolvConf: "/etc/resolv.conf",
			// The nodes share this machine's disk. They must not evict pods because that is full.
			imageGCHighThresholdPercent: 100,
			evictionHard: { "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%" },
		},
		{
			apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
			kind: "KubeProxyConfiguration",
			mode: "iptables",
			clusterCIDR: podRange,
			// 0 leaves the kernel's values alone, which cannot be written in a network namespace.
			conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
		},
	]);
}

/** What a machine needs to join the cluster within minutes, from `kubeadm token create` and the cluster's CA. */
export interface JoinTicket {
	readonly token: string;
	/** `sha256:` and the hash of the CA's public key. */
	readonly caCertHash: string;
}

/** What `kubeadm join --config` reads to make a machine a worker. */
export function joinConfig(name: string, address: string, { token, caCertHash }: JoinTicket): string {
	return documents([
		{
			apiVersion: kubeadm,
			kind: "JoinConfiguration",
			discovery: { bootstrapToken: { token, apiServerEndpoint: apiEndpoint, caCertHashes: [caCertHash] } },
			nodeRegistration: nodeRegistration(name, address),
		},
	]);
}

function documents(list: readonly object[]): string {
	return list.map((document) => stringify(document)).join("---\n");
}
