import { describe, expect, test } from "vitest";
import { type DaemonSet, IPVS_LABEL, ipvsProxy } from "./ipvs.ts";

const own: DaemonSet = {
	metadata: { name: "kube-proxy", resourceVersion: "1" },
	spec: {
		selector: { matchLabels: { "k8s-app": "kube-proxy" } },
		updateStrategy: { type: "RollingUpdate" },
		template: {
			metadata: { labels: { "k8s-app": "kube-proxy" } },
			spec: {
				nodeSelector: { "kubernetes.io/os": "linux" },
				volumes: [{ name: "kube-proxy", configMap: { name: "kube-proxy" } }, { name: "lib-modules" }],
			},
		},
	},
};
const data = {
	"config.conf": "clusterCIDR: 192.244.0.0/16\nmode: iptables\nnftables:\n  masqueradeBit: null\n",
	"kubeconfig.conf": "kind: Config\n",
};

describe("kube-proxy in IPVS mode", () => {
	const [configMap, daemonSet] = ipvsProxy(own, data);

	test("has kubeadm's configuration with another mode", () => {
		expect(configMap).toMatchObject({
			kind: "ConfigMap",
			metadata: { name: "kube-proxy-ipvs", namespace: "kube-system" },
			data: { ...data, "config.conf": data["config.conf"].replace("iptables", "ipvs") },
		});
	});

	test("runs on nodes with the label, with a configuration and pods of its own", () => {
		const labels = { "k8s-app": "kube-proxy-ipvs" };
		expect(daemonSet).toMatchObject({
			kind: "DaemonSet",
			metadata: { name: "kube-proxy-ipvs" },
			spec: {
				selector: { matchLabels: labels },
				template: {
					metadata: { labels },
					spec: {
						nodeSelector: { "kubernetes.io/os": "linux", [IPVS_LABEL]: "true" },
						volumes: [{ name: "kube-proxy", configMap: { name: "kube-proxy-ipvs" } }, { name: "lib-modules" }],
					},
				},
			},
		});
		expect(daemonSet).not.toHaveProperty("metadata.resourceVersion");
	});

	test("fails if the configuration has no mode, because it would then run in the same mode", () => {
		expect(() => ipvsProxy(own, { "config.conf": "kind: KubeProxyConfiguration\n" })).toThrow(/no line `mode/);
	});
});
