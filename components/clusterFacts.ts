import * as pulumi from "@pulumi/pulumi";
import { endpointOf } from "../src/core/kubeadm/joinConfiguration.ts";
import { clusterDifferences, type Lock, type LockedCluster } from "../src/core/plan/lock.ts";
import type { Address } from "../src/core/values/address.ts";
import type { Prefix } from "../src/core/values/prefix.ts";
import type { Result } from "../src/core/values/result.ts";
import type { SecretText } from "../src/core/values/secretText.ts";
import { listed, refusal, valueOrRefusal } from "../src/messages/refusal.ts";
import type { Config } from "../src/settings/model.ts";
import { lockCommand } from "../src/stack/lockFile.ts";
import { COMPONENTS } from "../src/stack/resources.ts";
import { readCluster } from "../src/survey/cluster.ts";

export interface ClusterFactsArgs {
	/** How to reach the cluster, and settings that override its own facts. */
	cluster: Config["cluster"];
	/** The locked cluster. With it, a preview does not read the cluster, and an update refuses differences. */
	lock?: Lock | undefined;
}

/**
 * The cluster's own facts: its ranges (ConfigMap `kube-system/kubeadm-config`), its nameserver (Service `kube-system/kube-dns`,
 * or the one with its label), its API server and CA (ConfigMap `kube-public/cluster-info`). Every preview and update reads them
 * and never changes them.
 *
 * The program reads them itself, not through resources, because a resource would print, store and compare every field of the
 * objects.
 */
export class ClusterFacts extends pulumi.ComponentResource {
	/** The ranges of the pods' addresses. */
	readonly podRanges: pulumi.Output<readonly Prefix[]>;
	/** The ranges of the Services' addresses. */
	readonly serviceRanges: pulumi.Output<readonly Prefix[]>;
	/** The cluster's DNS domain, such as `cluster.local`. */
	readonly domain: pulumi.Output<string>;
	/** The cluster's minor version, such as `1.34`. */
	readonly kubernetesVersion: pulumi.Output<string>;
	/** The nameserver's addresses, one per family. */
	readonly dnsAddresses: pulumi.Output<readonly Address[]>;
	/** host:port of the API server, for nodes that join. */
	readonly endpoint: pulumi.Output<string>;
	/** `sha256:…` of each CA's public key. */
	readonly caCertHashes: pulumi.Output<readonly string[]>;

	constructor(name: string, { cluster, lock }: ClusterFactsArgs, opts?: pulumi.ComponentResourceOptions) {
		super(COMPONENTS.clusterFacts, name, {}, opts);
		const own =
			lock && pulumi.runtime.isDryRun()
				? pulumi.output(lock.cluster)
				: // The facts are not secret, although the kubeconfig with which they are read may be.
					pulumi.unsecret(
						cluster.kubeconfig.apply((kubeconfig) =>
							lock ? this.confirmAgainstCluster(lock.cluster, kubeconfig, cluster) : this.readLive(kubeconfig, cluster),
						),
					);
		this.podRanges = own.apply((facts) => cluster.podRanges ?? facts.podRanges);
		this.serviceRanges = own.apply((facts) => cluster.serviceRanges ?? facts.serviceRanges);
		this.dnsAddresses = own.apply((facts) => cluster.dnsAddresses ?? facts.dnsAddresses);
		this.domain = own.apply((facts) => cluster.domain ?? facts.domain);
		this.kubernetesVersion = own.apply((facts) => facts.kubernetesVersion);
		this.endpoint = own.apply((facts) => (cluster.apiServer ? endpointOf(cluster.apiServer) : facts.endpoint));
		this.caCertHashes = own.apply((facts) => facts.caCertHashes);
		this.registerOutputs();
	}

	private async readLive(kubeconfig: SecretText, { context, dnsAddresses }: Asked): Promise<LockedCluster> {
		try {
			return factsOrRefusal(await readCluster(kubeconfig, context, { dnsAddresses }));
		} catch (error) {
			const { message } = error as Error;
			// Logged here, because the engine reports the refusal at length, and once per property that depends on it.
			await pulumi.log.error(`the cluster's facts cannot be read; nothing was touched: ${message}`, this);
			throw refusal(message);
		}
	}

	/**
	 * Refuses differences between the locked and the live cluster. Only warns if the cluster cannot be read.
	 *
	 * @returns the locked one.
	 */
	private async confirmAgainstCluster(
		locked: LockedCluster,
		kubeconfig: SecretText,
		{ context, dnsAddresses }: Asked,
	): Promise<LockedCluster> {
		// A nameserver of the settings is not read from the cluster, so it does not count as a difference.
		const instead = { dnsAddresses: dnsAddresses && locked.dnsAddresses };
		const live = await readCluster(kubeconfig, context, instead).catch(async (error: Error) => {
			await pulumi.log.warn(`the cluster was not compared with the locked one: ${error.message}`, this);
		});
		const differences = live ? clusterDifferences(locked, factsOrRefusal(live)) : [];
		if (differences.length > 0) {
			const stack = pulumi.getStack();
			const what = `the cluster differs from stacks/${stack}.routes.json (+ live, - locked)`;
			throw refusal(listed(`${what}; nothing was touched; to update the file: ${lockCommand(stack)}`, differences));
		}
		return locked;
	}
}

/** The settings for reading the cluster: the kubeconfig's context, and a nameserver that is not read. */
type Asked = Pick<Config["cluster"], "context" | "dnsAddresses">;

function factsOrRefusal<Value>(result: Result<Value>): Value {
	return valueOrRefusal(result, "the cluster's own facts cannot be read; nothing was touched");
}
