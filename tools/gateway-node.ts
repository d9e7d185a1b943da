/**
 * The gateway as a node of the cluster: `join`, `drain` and `leave`, each with a request (components/node/request.ts) as JSON on
 * standard input. `pulumi up` runs it; it can be run by hand. Progress and warnings go to standard error.
 */
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { Cluster, problemOf } from "../components/node/cluster.ts";
import { drainNode } from "../components/node/drainNode.ts";
import { join } from "../components/node/join.ts";
import { JOIN_ANNOTATION, newJoinId } from "../components/node/joinId.ts";
import { leave } from "../components/node/leave.ts";
import { type NodeRequest, nodeRequest } from "../components/node/request.ts";

const report = (line: string) => process.stderr.write(`${line}\n`);

/** @throws Error naming what is wrong with the request, and no value of it: keys and credentials are in there. */
async function request(): Promise<NodeRequest> {
	const parsed = nodeRequest.safeParse(json(await text(process.stdin)));
	if (parsed.success) return parsed.data;
	const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join(".")}: ${message}`);
	throw new Error(`the request on standard input is not valid:\n${problems.join("\n")}`);
}

function json(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		// The parser's own words quote the text.
		throw new Error("the request on standard input is not JSON");
	}
}

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
		await join(wanted, report);
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
	.description("drain, reset and remove the node, unless it was joined again since; what cannot be done is a warning")
	.action(async () => {
		// Pulumi's command provider gives the output of `join` in this variable.
		await leave(await request(), process.env["PULUMI_COMMAND_STDOUT"] ?? "", report);
	});

program.parseAsync().catch((error: unknown) => {
	report(problemOf(error));
	process.exitCode = 1;
});
