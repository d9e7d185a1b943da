import * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { addressesOf } from "../src/core/values/machine.ts";
import type { Config } from "../src/settings/model.ts";
import { COMPONENTS, commandName } from "../src/stack/resources.ts";
import type { ClusterFacts } from "./clusterFacts.ts";
import type { GatewayMachine } from "./gatewayMachine.ts";

export interface GatewayNodeArgs {
	/** The node's settings. */
	gateway: Config["gateways"][number];
	/** The machine that becomes the node. */
	machine: GatewayMachine;
	/** Credentials for the cluster. */
	cluster: Config["cluster"];
	/** The cluster's facts. */
	facts: ClusterFacts;
	/** The provider for the node's labels. */
	provider: kubernetes.Provider;
}

/**
 * Makes a machine the cluster's gateway: prepares it, joins it with kubeadm, cordons and drains it. Only DaemonSets run on it.
 * `calico-node` gives it a route to every pod block, and `kube-proxy` translates Service addresses to pod addresses. A delete
 * drains, resets and removes the node. It only warns if the machine or the cluster does not answer.
 */
export class GatewayNode extends pulumi.ComponentResource {
	/** The node's name. Known once the node has joined and was drained. */
	readonly nodeName: pulumi.Output<string>;

	constructor(name: string, args: GatewayNodeArgs, opts?: pulumi.ComponentResourceOptions) {
		super(COMPONENTS.gatewayNode, name, {}, opts);
		const { gateway, machine, cluster, facts, provider } = args;
		const request = pulumi.jsonStringify({
			cluster: {
				kubeconfig: cluster.kubeconfig,
				context: cluster.context,
				endpoint: facts.endpoint,
				caCertHashes: facts.caCertHashes,
			},
			node: {
				name: machine.nodeName,
				addresses: machine.nextHop.apply((hop) => addressesOf(hop)),
				taint: gateway.taint,
				labels: gateway.labels,
				drainTimeout: gateway.drainTimeout,
			},
			software: machine.kubeletVersion.apply((version) => ({
				source: gateway.kubernetes.source,
				version,
				repository: gateway.kubernetes.repository.replaceAll("{minor}", version),
				repositoryKey: gateway.kubernetes.repositoryKey.replaceAll("{minor}", version),
			})),
			masquerade: gateway.masquerade ? facts.podRanges.apply((ranges) => ranges.map(({ text }) => text)) : [],
			machine: machine.target,
			disposable: machine.disposable,
			takeOver: gateway.takeOver,
		});
		const joined = new command.local.Command(
			commandName(name, "node"),
			{
				stdin: pulumi.secret(request),
				create: action("join"),
				delete: action("leave"),
				triggers: [machine.identity, machine.nodeName],
				logging: command.local.Logging.Stderr,
			},
			{ parent: this, deleteBeforeReplace: !machine.sideBySide },
		);
		// The kubelet only sets its labels when it registers the node. This patch applies later changes of the settings, and
		// reverts changes by others. It owns only these fields. `leave` deletes the Node object with its labels, so the patch is
		// retained on delete.
		new kubernetes.core.v1.NodePatch(
			`${name}-labels`,
			{
				metadata: {
					name: machine.nodeName,
					labels: { ...gateway.labels },
					// The kubelet also manages these labels, so the patch must override it.
					annotations: { "pulumi.com/patchForce": "true" },
				},
			},
			{ parent: this, provider, dependsOn: joined, retainOnDelete: true },
		);
		this.nodeName = pulumi.all([machine.nodeName, joined.stdout]).apply(([nodeName]) => nodeName);
		this.registerOutputs({ nodeName: this.nodeName });
	}
}

/** A constant command, which runs in the project's folder. Everything that varies is on standard input. */
function action(verb: "join" | "leave"): string {
	return `exec node --import tsx tools/gateway-node.ts ${verb}`;
}
