import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { readCluster, readDnsAddresses } from "./clusterReading.ts";
import type { Config } from "./config.ts";
import { lockCommand } from "./lock.ts";
import type { Address } from "./network/address.ts";
import { parseClusterInfo } from "./network/clusterInfo.ts";
import { parseClusterConfiguration } from "./network/clusterRanges.ts";
import { endpointOf } from "./network/joinConfiguration.ts";
import { clusterDifferences, type Lock, type LockedCluster } from "./network/lockFile.ts";
import type { Prefix } from "./network/prefix.ts";
import type { Result } from "./network/result.ts";
import { listed, refusal, valueOrRefusal } from "./refusal.ts";

export interface ClusterFactsArgs {
	/** What overrides the cluster's own words. */
	cluster: Config["cluster"];
	/** What was locked; then nothing is read. */
	lock?: Lock | undefined;
}

/**
 * What the cluster says about itself: its ranges (ConfigMap `kube-system/kubeadm-config`), its nameserver (Service
 * `kube-system/kube-dns`, or the one with its label), its API server and CA (ConfigMap `kube-public/cluster-info`). Read in every preview and update,
 * never changed. Where it was locked, a preview reads nothing, and an update refuses what is not as locked.
 */
export class ClusterFacts extends pulumi.ComponentResource {
	/** Prefixes the pods' addresses come from. */
	readonly podRanges: pulumi.Output<readonly Prefix[]>;
	/** Prefixes the Services' addresses come from. */
	readonly serviceRanges: pulumi.Output<readonly Prefix[]>;
	/** The cluster's DNS domain, such as `cluster.local`. */
	readonly domain: pulumi.Output<string>;
	/** The cluster's version, such as `v1.34.4`; of a lock the minor version alone. */
	readonly kubernetesVersion: pulumi.Output<string>;
	/** The nameserver's addresses, one per family. */
	readonly dnsAddresses: pulumi.Output<readonly Address[]>;
	/** host:port of the API server, for nodes that join. */
	readonly endpoint: pulumi.Output<string>;
	/** `sha256:…` of each CA's public key. */
	readonly caCertHashes: pulumi.Output<readonly string[]>;

	constructor(name: string, { cluster, lock }: ClusterFactsArgs, opts?: pulumi.ComponentResourceOptions) {
		super("pod-gateway:index:ClusterFacts", name, {}, opts);
		if (lock) {
			const own = pulumi.runtime.isDryRun()
				? pulumi.output(lock.cluster)
				: pulumi.unsecret(cluster.kubeconfig.apply((kubeconfig) => this.confirmed(lock.cluster, kubeconfig, cluster)));
			this.podRanges = own.apply((locked) => cluster.podRanges ?? locked.podRanges);
			this.serviceRanges = own.apply((locked) => cluster.serviceRanges ?? locked.serviceRanges);
			this.dnsAddresses = own.apply((locked) => cluster.dnsAddresses ?? locked.dnsAddresses);
			this.domain = own.apply((locked) => cluster.domain ?? locked.domain);
			this.kubernetesVersion = own.apply((locked) => locked.kubernetesVersion);
			this.endpoint = own.apply((locked) => (cluster.apiServer ? endpointOf(cluster.apiServer) : locked.endpoint));
			this.caCertHashes = own.apply((locked) => locked.caCertHashes);
			this.registerOutputs();
			return;
		}
		const provider = new kubernetes.Provider("cluster", { kubeconfig: cluster.kubeconfig, context: cluster.context });
		const from = { parent: this, provider };
		const entry = (id: string, key: string) =>
			kubernetes.core.v1.ConfigMap.get(`${name}-${id.split("/")[1]}`, id, from).data.apply((data) => data?.[key] ?? "");

		const configuration = entry("kube-system/kubeadm-config", "ClusterConfiguration").apply((yaml) =>
			read(parseClusterConfiguration(yaml)),
		);
		this.podRanges = configuration.apply((own) => cluster.podRanges ?? own.podRanges);
		this.serviceRanges = configuration.apply((own) => cluster.serviceRanges ?? own.serviceRanges);
		this.kubernetesVersion = configuration.kubernetesVersion;
		this.domain = configuration.apply((own) => cluster.domain ?? own.domain);

		const { dnsAddresses, kubeconfig, context } = cluster;
		this.dnsAddresses = dnsAddresses
			? pulumi.output(dnsAddresses)
			: pulumi.unsecret(kubeconfig.apply((contents) => this.nameserver(contents, context)));

		const info = entry("kube-public/cluster-info", "kubeconfig").apply((yaml) => read(parseClusterInfo(yaml)));
		this.endpoint = info.apply(({ apiServer }) => endpointOf(cluster.apiServer ?? apiServer));
		this.caCertHashes = info.caCertHashes;
		this.registerOutputs();
	}

	/** Read by the program and not as a resource: its name is not the same everywhere. */
	private async nameserver(kubeconfig: string, context?: string): Promise<readonly Address[]> {
		const addresses = await readDnsAddresses(kubeconfig, context).catch(async (error: Error) => {
			await pulumi.log.error(`the cluster's nameserver is not known; nothing was touched: ${error.message}`, this);
			throw refusal(error.message);
		});
		return read(addresses);
	}

	/** What was locked, once the cluster says the same. One that cannot be asked holds nothing up. */
	private async confirmed(
		locked: LockedCluster,
		kubeconfig: string,
		{ context, dnsAddresses }: Pick<Config["cluster"], "context" | "dnsAddresses">,
	): Promise<LockedCluster> {
		// What the settings override is not asked for, and so is no difference.
		const instead = { dnsAddresses: dnsAddresses && locked.dnsAddresses };
		const live = await readCluster(kubeconfig, context, instead).catch(async (error: Error) => {
			await pulumi.log.warn(`the cluster was not compared with what is locked: ${error.message}`, this);
		});
		const differences = live ? clusterDifferences(locked, read(live)) : [];
		if (differences.length > 0) {
			const stack = pulumi.getStack();
			const what = `the cluster is not as in stacks/${stack}.routes.json (+ live, - locked)`;
			throw refusal(listed(`${what}; nothing was touched; to bring it up to date: ${lockCommand(stack)}`, differences));
		}
		return locked;
	}
}

function read<Value>(result: Result<Value>): Value {
	return valueOrRefusal(result, "what the cluster says of itself cannot be read; nothing was touched");
}
