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
	/** What the cluster says about itself. */
	facts: ClusterFacts;
	/** The cluster's API. */
	provider: kubernetes.Provider;
}

/**
 * A machine as the cluster's gateway: prepared, joined with kubeadm, cordoned and drained. Only DaemonSets run on it:
 * `calico-node` gives it a route to every pod block, `kube-proxy` turns Service addresses into pod addresses. Deleting it drains,
 * resets and removes the node, and goes on with a warning when the machine or the cluster is gone.
 */
export class GatewayNode extends pulumi.ComponentResource {
	/** The node's name, known once it has joined and was drained. */
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
		// The kubelet says its labels once, when it registers the node. What the settings say later, and what somebody else changed, is
		// for the cluster's API: a patch holds these fields alone. The Node object goes by `leave`, and its labels with it.
		new kubernetes.core.v1.NodePatch(
			`${name}-labels`,
			{
				metadata: {
					name: machine.nodeName,
					labels: { ...gateway.labels },
					// The kubelet is the other manager of these labels.
					annotations: { "pulumi.com/patchForce": "true" },
				},
			},
			{ parent: this, provider, dependsOn: joined, retainOnDelete: true },
		);
		this.nodeName = pulumi.all([machine.nodeName, joined.stdout]).apply(([nodeName]) => nodeName);
		this.registerOutputs({ nodeName: this.nodeName });
	}
}

/** A constant, run in the project's folder: everything that varies is on standard input. */
function action(verb: "join" | "leave"): string {
	return `exec node --import tsx tools/gateway-node.ts ${verb}`;
}
