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
	/** What overrides the cluster's own words. */
	cluster: Config["cluster"];
	/** What was locked; then nothing is read. */
	lock?: Lock | undefined;
}

/**
 * What the cluster says about itself: its ranges (ConfigMap `kube-system/kubeadm-config`), its nameserver (Service
 * `kube-system/kube-dns`, or the one with its label), its API server and CA (ConfigMap `kube-public/cluster-info`). Read in every
 * preview and update, never changed. Where it was locked, a preview reads nothing, and an update refuses what is not as locked.
 *
 * It is a read of the program and no resource: one of those would print, keep and compare every field that the objects have.
 */
export class ClusterFacts extends pulumi.ComponentResource {
	/** Prefixes the pods' addresses come from. */
	readonly podRanges: pulumi.Output<readonly Prefix[]>;
	/** Prefixes the Services' addresses come from. */
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
				: // What was read holds no secret, though the kubeconfig that opened the way may be one.
					pulumi.unsecret(
						cluster.kubeconfig.apply((kubeconfig) =>
							lock ? this.confirmAgainstCluster(lock.cluster, kubeconfig, cluster) : this.readLive(kubeconfig, cluster),
						),
					);
		this.podRanges = own.apply((said) => cluster.podRanges ?? said.podRanges);
		this.serviceRanges = own.apply((said) => cluster.serviceRanges ?? said.serviceRanges);
		this.dnsAddresses = own.apply((said) => cluster.dnsAddresses ?? said.dnsAddresses);
		this.domain = own.apply((said) => cluster.domain ?? said.domain);
		this.kubernetesVersion = own.apply((said) => said.kubernetesVersion);
		this.endpoint = own.apply((said) => (cluster.apiServer ? endpointOf(cluster.apiServer) : said.endpoint));
		this.caCertHashes = own.apply((said) => said.caCertHashes);
		this.registerOutputs();
	}

	private async readLive(kubeconfig: SecretText, { context, dnsAddresses }: Asked): Promise<LockedCluster> {
		try {
			return factsOrRefusal(await readCluster(kubeconfig, context, { dnsAddresses }));
		} catch (error) {
			const { message } = error as Error;
			// Said here, because the engine reports the refusal once per property that depends on it, and at length.
			await pulumi.log.error(`the cluster is not known; nothing was touched: ${message}`, this);
			throw refusal(message);
		}
	}

	/** What was locked, once the cluster says the same. One that cannot be asked holds nothing up. */
	private async confirmAgainstCluster(
		locked: LockedCluster,
		kubeconfig: SecretText,
		{ context, dnsAddresses }: Asked,
	): Promise<LockedCluster> {
		// What the settings override is not asked for, and so is no difference.
		const instead = { dnsAddresses: dnsAddresses && locked.dnsAddresses };
		const live = await readCluster(kubeconfig, context, instead).catch(async (error: Error) => {
			await pulumi.log.warn(`the cluster was not compared with what is locked: ${error.message}`, this);
		});
		const differences = live ? clusterDifferences(locked, factsOrRefusal(live)) : [];
		if (differences.length > 0) {
			const stack = pulumi.getStack();
			const what = `the cluster is not as in stacks/${stack}.routes.json (+ live, - locked)`;
			throw refusal(listed(`${what}; nothing was touched; to bring it up to date: ${lockCommand(stack)}`, differences));
		}
		return locked;
	}
}

/** How the cluster is asked, and what it is not asked for. */
type Asked = Pick<Config["cluster"], "context" | "dnsAddresses">;

function factsOrRefusal<Value>(result: Result<Value>): Value {
	return valueOrRefusal(result, "what the cluster says of itself cannot be read; nothing was touched");
}
