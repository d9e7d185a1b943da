import { ApiException, CoreV1Api } from "@kubernetes/client-node";
import { parseAddress } from "./network/address.ts";
import { parseClusterInfo } from "./network/clusterInfo.ts";
import { parseClusterConfiguration } from "./network/clusterRanges.ts";
import { endpointOf } from "./network/joinConfiguration.ts";
import type { LockedCluster } from "./network/lockFile.ts";
import { all, failure, type Result, success } from "./network/result.ts";
import { parseKubernetesVersion } from "./network/versionSkew.ts";
import { clusterConnection } from "./node/clusterConnection.ts";

/**
 * What the cluster says about itself now, from where `ClusterFacts` has it in a plan with live routes.
 *
 * @param kubeconfig contents of a kubeconfig file. @param context its context; default: its current one.
 * @throws Error when the kubeconfig is none, or the cluster cannot be asked.
 */
export async function readCluster(kubeconfig: string, context?: string): Promise<Result<LockedCluster>> {
	const api = new CoreV1Api(clusterConnection(kubeconfig, context));
	const configMap = { namespace: "kube-system", name: "kubeadm-config" };
	const identityMap = { namespace: "kube-public", name: "cluster-info" };
	const service = { namespace: "kube-system", name: "kube-dns" };
	const [kubeadm, info, dns] = await Promise.all([
		asked("read ConfigMap kube-system/kubeadm-config", api.readNamespacedConfigMap(configMap)),
		asked("read ConfigMap kube-public/cluster-info", api.readNamespacedConfigMap(identityMap)),
		asked("read Service kube-system/kube-dns", api.readNamespacedService(service)),
	]);
	const ranges = parseClusterConfiguration(kubeadm.data?.["ClusterConfiguration"] ?? "");
	const identity = parseClusterInfo(info.data?.["kubeconfig"] ?? "");
	const dnsAddresses = all((dns.spec?.clusterIPs ?? [dns.spec?.clusterIP ?? ""]).map(parseAddress));
	const version = ranges.ok ? parseKubernetesVersion(ranges.value.kubernetesVersion) : ranges;
	if (!ranges.ok || !identity.ok || !dnsAddresses.ok || !version.ok) {
		return failure(
			...new Set([ranges, version, identity, dnsAddresses].flatMap((part) => (part.ok ? [] : part.problems))),
		);
	}
	const { podRanges, serviceRanges, domain } = ranges.value;
	const { major, minor } = version.value;
	return success({
		...{ podRanges, serviceRanges, domain, dnsAddresses: dnsAddresses.value },
		...{ endpoint: endpointOf(identity.value.apiServer), caCertHashes: identity.value.caCertHashes },
		kubernetesVersion: `${major}.${minor}`,
	});
}

/** @param what the permission that it takes: verb and object. */
async function asked<Answer>(what: string, answer: Promise<Answer>): Promise<Answer> {
	return answer.catch((error: Error) => {
		if (!(error instanceof ApiException)) throw error;
		// The error's own text is the whole answer, with its headers.
		throw new Error(
			error.code === 403
				? `the kubeconfig's user may not ${what}`
				: `the API server answers ${error.code} to «${what}»`,
		);
	});
}
