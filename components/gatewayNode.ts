import * as command from "@pulumi/command";
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
}

/**
 * A machine as the cluster's gateway: joined with kubeadm, cordoned and drained. Only DaemonSets run on it: `calico-node` gives it
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
		const joined = new command.local.Command(
			`${name}-node`,
			{
				stdin: request,
				create: action("join"),
				delete: action("leave"),
				addPreviousOutputInEnv: false,
				logging: command.local.Logging.Stderr,
			},
			{ parent: this, replacementTrigger: `${gateway.nodeName} ${gateway.address.text}`, deleteBeforeReplace: true },
		);
		this.nodeName = joined.stdout.apply(() => gateway.nodeName);
		this.registerOutputs({ nodeName: this.nodeName });
	}
}

/** A constant, run in the project's folder: everything that varies is on standard input. */
function action(verb: "join" | "leave"): string {
	return `exec node --import tsx tools/gateway-node.ts ${verb}`;
}
