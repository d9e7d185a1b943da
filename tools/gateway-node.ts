/**
 * Makes a gateway a node of the cluster: `join`, `drain` and `leave`, each with a request (src/node/request.ts) as JSON on
 * standard input. `pulumi up` runs it, and a person can. Progress and warnings go to standard error.
 */
import { Command } from "commander";
import { Cluster } from "../src/kube/client.ts";
import { problemOf } from "../src/kube/problem.ts";
import { report } from "../src/messages/report.ts";
import { drainNode } from "../src/node/drainNode.ts";
import { joinNode } from "../src/node/join.ts";
import { JOIN_ANNOTATION, newJoinId } from "../src/node/joinId.ts";
import { leaveCluster } from "../src/node/leave.ts";
import { type NodeRequest, nodeRequest } from "../src/node/request.ts";
import { main } from "./main.ts";
import { readRequest } from "./readRequest.ts";

const request = () => readRequest(nodeRequest);

function clusterOf({ cluster }: NodeRequest): Cluster {
	return new Cluster(cluster.kubeconfig, cluster.context);
}

const program = new Command("gateway-node").description(
	"The gateway as a node of the cluster; the request is JSON on standard input.",
);
program
	.command("join")
	.description("prepare the machine, join it with kubeadm unless it is a node already, drain it, and print a join id")
	.action(async () => {
		const wanted = await request();
		await joinNode(wanted, report);
		const cluster = clusterOf(wanted);
		await drainNode(cluster, wanted.node, report);
		const id = newJoinId();
		await cluster.annotate(wanted.node.name, JOIN_ANNOTATION, id);
		process.stdout.write(`${id}\n`);
	});
program
	.command("drain")
	.description("cordon the node and evict every pod that is not a DaemonSet's")
	.action(async () => {
		const wanted = await request();
		await drainNode(clusterOf(wanted), wanted.node, report);
	});
program
	.command("leave")
	.description("drain, reset and remove the node, unless it was joined again meanwhile; failed steps give a warning")
	.action(async () => {
		// Pulumi's command provider sets this variable to the output of `join`.
		await leaveCluster(await request(), process.env["PULUMI_COMMAND_STDOUT"] ?? "", report);
	});

main(program, problemOf);
