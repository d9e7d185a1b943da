import * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ClusterFacts } from "./clusterFacts.ts";
import type { Config } from "./config.ts";
import { addressesOf } from "./network/machine.ts";
import { sshTarget } from "./remote/connection.ts";

export interface GatewayNodeArgs {
	/** The machine and the node it becomes. */
	gateway: Config["gateways"][number];
	/** Credentials for the cluster. */
	cluster: Config["cluster"];
	/** What the cluster says about itself. */
	facts: ClusterFacts;
	/** Provider for the cluster. */
	provider: kubernetes.Provider;
}

/**
 * A machine as the cluster's gateway: joined with kubeadm, cordoned, drained. Only DaemonSets run on it: `calico-node` gives it
 * a route to every pod block, `kube-proxy` turns Service addresses into pod addresses. Deleting it drains, resets and removes
 * the node, and goes on with a warning when the machine or the cluster is gone.
 */
export class GatewayNode extends pulumi.ComponentResource {
	/** The node's name, known once it has joined and was drained. */
	readonly nodeName: pulumi.Output<string>;

	constructor(name: string, args: GatewayNodeArgs, opts?: pulumi.ComponentResourceOptions) {
		super("pod-gateway:index:GatewayNode", name, {}, opts);
		const { gateway, cluster, facts } = args;
		const request = pulumi.secret(
			pulumi.jsonStringify({
				cluster: {
					kubeconfig: cluster.kubeconfig,
					context: cluster.context,
					endpoint: facts.endpoint,
					caCertHashes: facts.caCertHashes,
				},
				node: {
					name: gateway.nodeName,
					addresses: addressesOf(gateway),
					taint: gateway.taint,
					labels: gateway.labels,
					drainTimeout: gateway.drainTimeout,
				},
				machine: sshTarget(gateway),
			}),
		);
		const tool = {
			stdin: request,
			addPreviousOutputInEnv: false,
			logging: command.local.Logging.Stderr,
		};

		const joined = new command.local.Command(
			`${name}-join`,
			{ ...tool, create: action("join"), delete: action("leave") },
			{ parent: this, deleteBeforeReplace: true },
		);
		// The name is known only after the join: a preview must not ask the cluster to patch a node that is not there yet.
		const nodeName = joined.stdout.apply(() => gateway.nodeName);
		const cordon = new kubernetes.core.v1.NodePatch(
			`${name}-cordon`,
			{ metadata: { name: nodeName, annotations: { "pulumi.com/patchForce": "true" } }, spec: { unschedulable: true } },
			// On the way out the node stays cordoned until it is removed.
			{ parent: this, provider: args.provider, retainOnDelete: true },
		);
		const drained = new command.local.Command(
			`${name}-drain`,
			{ ...tool, create: action("drain") },
			{ parent: this, dependsOn: cordon },
		);
		this.nodeName = pulumi.all([nodeName, drained.stdout]).apply(([node]) => node);
		this.registerOutputs({ nodeName: this.nodeName });
	}
}

/** A constant, run in the project's folder: everything that varies is on standard input. */
function action(verb: "join" | "drain" | "leave"): string {
	return `exec node --import tsx tools/gateway-node.ts ${verb}`;
}
