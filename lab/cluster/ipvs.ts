import { apply, kubectl } from "./kubectl.ts";

/** Nodes with this label run kube-proxy in IPVS mode: only the gateway's VM, whose kernel supports it, unlike this machine's namespaces. */
export const IPVS_LABEL = "pod-gateway.lab/ipvs";

/** The parts of kubeadm's own kube-proxy that are read here. */
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
 * Runs kube-proxy in IPVS mode on the nodes with {@link IPVS_LABEL}, and keeps kubeadm's kube-proxy, in iptables mode, away from them.
 * A second call changes nothing.
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
 * The ConfigMap and the DaemonSet of a kube-proxy in IPVS mode that is otherwise like kubeadm's. `own` is kubeadm's DaemonSet, `data`
 * its ConfigMap's. Throws when the ConfigMap does not have a mode to replace.
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
