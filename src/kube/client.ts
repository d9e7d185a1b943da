import {
	ApiException,
	CoreV1Api,
	PatchStrategy,
	setHeaderOptions,
	type V1Node,
	type V1Pod,
	VersionApi,
} from "@kubernetes/client-node";
import type { SecretText } from "../core/values/secretText.ts";
import { clusterConnection } from "./connection.ts";
import { isNotFound } from "./problem.ts";

/** Seconds within which the bootstrap signer must sign, including all requests. */
const SIGNED_WITHIN_SECONDS = 30;

const MERGE = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);

/**
 * The requests to the cluster's API that this program needs: nodes, evictions, bootstrap tokens, versions and ConfigMaps.
 *
 * Every request ends within about 10 s. It throws ClusterUnreachable if the API server does not answer, and ApiException if it
 * refuses.
 */
export class Cluster {
	private readonly core: CoreV1Api;
	private readonly versions: VersionApi;

	/** @param kubeconfig a kubeconfig's text or file. @param context a context of it. Default: its current one. */
	constructor(kubeconfig: SecretText, context?: string) {
		const configuration = clusterConnection(kubeconfig, context);
		this.core = new CoreV1Api(configuration);
		this.versions = new VersionApi(configuration);
	}

	/** The API server's own version. Example: `v1.34.4`. */
	async version(): Promise<string> {
		return (await this.versions.getCode()).gitVersion;
	}

	/** One entry of a ConfigMap; "" if there is none. */
	async configMapEntry(namespace: string, name: string, key: string): Promise<string> {
		const map = await ifFound(this.core.readNamespacedConfigMap({ namespace, name }));
		return map?.data?.[key] ?? "";
	}

	/** The node of that name; undefined if there is none. */
	async node(name: string): Promise<V1Node | undefined> {
		return await ifFound(this.core.readNode({ name }));
	}

	/** Marks the node unschedulable. */
	async cordon(name: string): Promise<void> {
		await this.core.patchNode({ name, body: { spec: { unschedulable: true } } }, MERGE);
	}

	/** Sets one annotation of the node. */
	async annotate(name: string, key: string, value: string): Promise<void> {
		await this.core.patchNode({ name, body: { metadata: { annotations: { [key]: value } } } }, MERGE);
	}

	/** Deletes the Node object, if it exists. */
	async deleteNode(name: string): Promise<void> {
		await ifFound(this.core.deleteNode({ name }));
	}

	/** Every pod that is bound to the node. */
	async podsOn(node: string): Promise<V1Pod[]> {
		const pods = await this.core.listPodForAllNamespaces({ fieldSelector: `spec.nodeName=${node}` });
		return pods.items;
	}

	/** The same pod as it is now; undefined if it is gone, or if another pod has its name. */
	async pod(pod: V1Pod): Promise<V1Pod | undefined> {
		const found = await ifFound(this.core.readNamespacedPod({ namespace: namespaceOf(pod), name: nameOf(pod) }));
		return found?.metadata?.uid === pod.metadata?.uid ? found : undefined;
	}

	/**
	 * Evicts the pod through the Eviction API, which honours PodDisruptionBudgets.
	 *
	 * @returns false if a budget does not allow it now. The caller may try again later.
	 */
	async evict(pod: V1Pod): Promise<boolean> {
		const metadata = { namespace: namespaceOf(pod), name: nameOf(pod) };
		try {
			await ifFound(this.core.createNamespacedPodEviction({ ...metadata, body: { metadata } }));
			return true;
		} catch (error) {
			if (error instanceof ApiException && error.code === 429) {
				return false;
			}
			throw error;
		}
	}

	/**
	 * Makes a bootstrap token for the join of one node, passes it to `use`, and then always deletes it.
	 *
	 * If this process is killed, the cluster's token-cleaner deletes the token when it expires.
	 * https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
	 */
	async withBootstrapToken<T>(token: BootstrapToken, use: (token: string) => Promise<T>): Promise<T> {
		const name = `bootstrap-token-${token.id}`;
		await this.core.createNamespacedSecret({
			namespace: "kube-system",
			body: {
				metadata: { name },
				type: "bootstrap.kubernetes.io/token",
				stringData: {
					"token-id": token.id,
					"token-secret": token.secret,
					description: token.description,
					expiration: token.expires.toISOString().replace(/\.\d+Z$/, "Z"),
					"usage-bootstrap-authentication": "true",
					"usage-bootstrap-signing": "true",
					"auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
				},
			},
		});
		try {
			await this.waitUntilSigned(token.id);
			return await use(`${token.id}.${token.secret}`);
		} finally {
			await ifFound(this.core.deleteNamespacedSecret({ namespace: "kube-system", name }));
		}
	}

	/** Waits until the bootstrap signer has signed cluster-info for the token, because kubeadm verifies that signature. */
	private async waitUntilSigned(tokenId: string): Promise<void> {
		const deadline = Date.now() + SIGNED_WITHIN_SECONDS * 1000;
		while (Date.now() < deadline) {
			const info = await this.core.readNamespacedConfigMap({ namespace: "kube-public", name: "cluster-info" });
			if (info.data?.[`jws-kubeconfig-${tokenId}`]) {
				return;
			}
			await new Promise((resolve) => setTimeout(resolve, 500));
		}
		throw new Error(
			`the cluster did not sign kube-public/cluster-info for the new bootstrap token within ${SIGNED_WITHIN_SECONDS} s; check that the controller-manager's bootstrap-signer-controller is on`,
		);
	}
}

/** A token for one join. */
export interface BootstrapToken {
	/** 6 characters of a-z0-9. */
	id: string;
	/** 16 characters of a-z0-9. */
	secret: string;
	description: string;
	expires: Date;
}

export function nameOf(pod: V1Pod): string {
	return pod.metadata?.name ?? "";
}

export function namespaceOf(pod: V1Pod): string {
	return pod.metadata?.namespace ?? "default";
}

async function ifFound<T>(call: Promise<T>): Promise<T | undefined> {
	try {
		return await call;
	} catch (error) {
		if (isNotFound(error)) return undefined;
		throw error;
	}
}
