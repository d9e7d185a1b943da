import { apply, kubectl } from "./kubectl.ts";

/** Nodes with this label run kube-proxy in IPVS mode: the gateway's VM, whose kernel can, unlike the machine's namespaces. */
export const IPVS_LABEL = "pod-gateway.lab/ipvs";

/** The part of kubeadm's own kube-proxy that is read here. */
export interface DaemonSet {
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
	const own: DaemonSet = await get("daemonset/kube-proxy");
	const { data }: { data: Record<string, string> } = await get("configmap/kube-proxy");
	await apply(ipvsProxy(own, data));
	const elsewhere = [{ matchExpressions: [{ key: IPVS_LABEL, operator: "NotIn", values: ["true"] }] }];
	const affinity = {
		nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: elsewhere } },
	};
	const patch = JSON.stringify({ spec: { template: { spec: { affinity } } } });
	await kubectl(["--namespace", namespace, "patch", "daemonset", "kube-proxy", "--type=merge", "--patch", patch]);
}

/**
 * The ConfigMap and the DaemonSet of a kube-proxy in IPVS mode that is otherwise like kubeadm's `own`, with `data` its ConfigMap's.
 * Throws when that has no mode to replace.
 */
export function ipvsProxy(own: DaemonSet, data: Readonly<Record<string, string>>): object[] {
	const name = "kube-proxy-ipvs";
	const config = data["config.conf"] ?? "";
	const mode = /^mode: .*$/m;
	if (!mode.test(config)) throw new Error("kubeadm's configuration of kube-proxy has no line `mode: …`");
	const labels = { "k8s-app": name };
	const { template } = own.spec;
	const volumes = template.spec.volumes.map((volume) =>
		volume.configMap ? { ...volume, configMap: { ...volume.configMap, name } } : volume,
	);
	return [
		{
			apiVersion: "v1",
			kind: "ConfigMap",
			metadata: { namespace, name },
			data: { ...data, "config.conf": config.replace(mode, "mode: ipvs") },
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
	];
}

const namespace = "kube-system";

async function get<T>(object: string): Promise<T> {
	return JSON.parse(await kubectl(["--namespace", namespace, "get", object, "--output", "json"]));
}
