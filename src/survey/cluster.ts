import { ApiException, CoreV1Api, type V1Service } from "@kubernetes/client-node";
import { parseClusterInfo } from "../core/kubeadm/clusterInfo.ts";
import { parseClusterConfiguration } from "../core/kubeadm/clusterRanges.ts";
import { endpointOf } from "../core/kubeadm/joinConfiguration.ts";
import { parseKubernetesVersion } from "../core/kubeadm/versionSkew.ts";
import type { LockedCluster } from "../core/plan/lock.ts";
import { type Address, parseAddress } from "../core/values/address.ts";
import { printable } from "../core/values/printable.ts";
import { all, failure, type Result, success } from "../core/values/result.ts";
import type { SecretText } from "../core/values/secretText.ts";
import { clusterConnection } from "../kube/connection.ts";
import { isNotFound, problemOf } from "../kube/problem.ts";

/**
 * Reads the cluster's own facts as they are now.
 *
 * @param kubeconfig a kubeconfig's text or file.
 * @param context a context of it. Default: its current one.
 * @param instead values that the settings give. The cluster is not asked for them.
 * @returns the facts, or every problem with the cluster's records.
 * @throws Error if the kubeconfig or the cluster cannot be read, or if the cluster's nameserver is missing or ambiguous.
 */
export async function readCluster(
	kubeconfig: SecretText,
	context?: string,
	instead: { readonly dnsAddresses?: readonly Address[] | undefined } = {},
): Promise<Result<LockedCluster>> {
	const api = new CoreV1Api(clusterConnection(kubeconfig, context));
	const configMap = { namespace: "kube-system", name: "kubeadm-config" };
	const identityMap = { namespace: "kube-public", name: "cluster-info" };
	const [kubeadm, info, dnsAddresses] = await Promise.all([
		withApiError("read ConfigMap kube-system/kubeadm-config", api.readNamespacedConfigMap(configMap)),
		withApiError("read ConfigMap kube-public/cluster-info", api.readNamespacedConfigMap(identityMap)),
		instead.dnsAddresses ? success(instead.dnsAddresses) : dnsAddressesOf(api),
	]);
	const ranges = parseClusterConfiguration(kubeadm.data?.["ClusterConfiguration"] ?? "");
	const identity = parseClusterInfo(info.data?.["kubeconfig"] ?? "");
	const version = ranges.ok ? parseKubernetesVersion(ranges.value.kubernetesVersion) : ranges;
	if (!ranges.ok || !identity.ok || !dnsAddresses.ok || !version.ok) {
		return failure(
			...new Set([ranges, version, identity, dnsAddresses].flatMap((part) => (part.ok ? [] : part.problems))),
		);
	}
	const { podRanges, serviceRanges, domain } = ranges.value;
	const { major, minor } = version.value;
	return success({
		podRanges,
		serviceRanges,
		domain,
		dnsAddresses: dnsAddresses.value,
		endpoint: endpointOf(identity.value.apiServer),
		caCertHashes: identity.value.caCertHashes,
		kubernetesVersion: `${major}.${minor}`,
	});
}

/**
 * The addresses of the cluster's nameserver: those of the Service `kube-system/kube-dns`, or of the one Service in
 * `kube-system` with the label of kube-dns (kubespray names it `coredns`).
 */
async function dnsAddressesOf(api: CoreV1Api): Promise<Result<readonly Address[]>> {
	const [namespace, name, labelSelector] = ["kube-system", "kube-dns", "k8s-app=kube-dns"];
	const usual = await withApiError(
		`read Service ${namespace}/${name}`,
		api.readNamespacedService({ namespace, name }).catch((error: unknown) => {
			if (isNotFound(error)) return undefined;
			throw error;
		}),
	);
	if (usual) return addressesOf(usual);
	const what = `list Services in ${namespace}`;
	const { items } = await withApiError(what, api.listNamespacedService({ namespace, labelSelector }));
	const services = items.filter(({ spec }) => spec?.clusterIP !== "None");
	const [only, ...others] = services;
	if (only && others.length === 0) return addressesOf(only);
	const found = services.map(({ metadata }) => printable(metadata?.name)).join(", ");
	throw new Error(
		`the cluster does not have the Service ${namespace}/${name}, and ${only ? "several Services there have" : "none there has"} ` +
			`the label ${labelSelector}${only ? ` (${found})` : ""}; set pod-gateway:cluster.dnsAddresses`,
	);
}

function addressesOf({ spec }: V1Service): Result<readonly Address[]> {
	return all((spec?.clusterIPs ?? [spec?.clusterIP ?? ""]).map(parseAddress));
}

/** Waits for the answer, with an error for people if it fails. @param what the request as a permission: verb and object. */
async function withApiError<Answer>(what: string, answer: Promise<Answer>): Promise<Answer> {
	return answer.catch((error: Error) => {
		if (isNotFound(error))
			throw new Error(`the cluster does not have the ${what.replace("read ", "")}, which kubeadm makes`);
		throw error instanceof ApiException ? new Error(problemOf(error, what)) : error;
	});
}
