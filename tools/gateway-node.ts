/**
 * The gateway as a node of the cluster: `join`, `drain` and `leave`, each with a request (components/node/request.ts) as JSON on
 * standard input. `pulumi up` runs it; it can be run by hand. Progress and warnings go to standard error.
 */
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { Cluster } from "../components/node/cluster.ts";
import { drain } from "../components/node/drain.ts";
import { join } from "../components/node/join.ts";
import { leave } from "../components/node/leave.ts";
import { type NodeRequest, nodeRequest } from "../components/node/request.ts";

const report = (line: string) => process.stderr.write(`${line}\n`);

const actions: Record<string, { description: string; run: (request: NodeRequest) => Promise<string> }> = {
	join: {
		description: "join the machine with kubeadm unless it is a node already, then cordon and drain it",
		run: async (request) => `${await join(request, report)}; ${await drained(request)}`,
	},
	drain: {
		description: "cordon the node and evict every pod that is not a DaemonSet's",
		run: drained,
	},
	leave: {
		description: "drain, reset and remove the node; what cannot be done is a warning",
		run: async (request) => {
			await leave(request, (line) => report(`warning: ${line}`));
			return `${request.node.name} left the cluster`;
		},
	},
};

async function drained({ cluster, node }: NodeRequest): Promise<string> {
	report(`draining ${node.name}`);
	const left = await drain(new Cluster(cluster.kubeconfig, cluster.context), node.name, node.drainTimeout);
	return `${node.name} is drained${left.length > 0 ? ` of ${left.join(", ")}` : ": no pod had to leave"}`;
}

const program = new Command("gateway-node").description(
	"The gateway as a node of the cluster; the request is JSON on standard input.",
);
for (const [name, { description, run }] of Object.entries(actions)) {
	program
		.command(name)
		.description(description)
		.action(async () => {
			const request = nodeRequest.parse(JSON.parse(await text(process.stdin)));
			process.stdout.write(`${await run(request)}\n`);
		});
}

program.parseAsync().catch((error: unknown) => {
	report(error instanceof Error ? error.message : String(error));
	process.exitCode = 1;
});
