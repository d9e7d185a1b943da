import { apply, kubectl } from "./kubectl.ts";

/** Nodes with this label run kube-proxy in IPVS mode: the gateway's VM, whose kernel can, unlike the machine's namespaces. */
export const IPVS_LABEL = "pod-gateway.lab/ipvs";

interface DaemonSet {
	metadata: object;
	spec: {
		selector: object;
		updateStrategy: object;
		template: {
			metadata: object;
			spec: { nodeSelector?: object; volumes: { name: string; configMap?: { name: string } }[] };
		};
	};
}

/**
 * Parts the nodes: kubeadm's kube-proxy, in iptables mode, keeps away from those with {@link IPVS_LABEL}; on them runs the same
 * with another mode. Done again it changes nothing.
 */
export async function addIpvsProxy(): Promise<void> {
	const name = "kube-proxy-ipvs";
	const own: DaemonSet = await get("daemonset/kube-proxy");
	const { data }: { data: Record<string, string> } = await get("configmap/kube-proxy");
	const labels = { "k8s-app": name };
	const { template } = own.spec;
	const volumes = template.spec.volumes.map((volume) =>
		volume.configMap ? { ...volume, configMap: { ...volume.configMap, name } } : volume,
	);
	await apply([
		{
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { namespace, name },
			data: { ...data, "config.conf": data["config.conf"]?.replace(/^mode: .*$/m, "mode: ipvs") },
		},
		{
			apiVersion: "apps/v1",
			kind: "DaemonSet",
			metadata: { namespace, name, labels },
			spec: {
				selector: { matchLabels: labels },
				updateStrategy: own.spec.updateStrategy,
				template: {
					metadata: { labels },
					spec: { ...template.spec, volumes, nodeSelector: { ...template.spec.nodeSelector, [IPVS_LABEL]: "true" } },
				},
			},
		},
	]);
	const elsewhere = [{ matchExpressions: [{ key: IPVS_LABEL, operator: "NotIn", values: ["true"] }] }];
	const affinity = {
		nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: elsewhere } },
	};
	const patch = JSON.stringify({ spec: { template: { spec: { affinity } } } });
	await kubectl(["--namespace", namespace, "patch", "daemonset", "kube-proxy", "--type=merge", "--patch", patch]);
}

const namespace = "kube-system";

async function get<T>(object: string): Promise<T> {
	return JSON.parse(await kubectl(["--namespace", namespace, "get", object, "--output", "json"]));
}
