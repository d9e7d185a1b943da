import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Config } from "./config.ts";
import type { DeploymentRecord } from "./network/deploymentRecord.ts";
import { parseOutcome } from "./network/outcome.ts";
import { renderDesired } from "./network/render.ts";
import type { ServerPlan } from "./network/serverPlan.ts";
import { summary } from "./network/summary.ts";
import { commandConnection, sshTarget } from "./remote/connection.ts";
import { hostScript, quote } from "./remote/scripts.ts";

export interface PhysicalServerArgs {
	/** The server and how to reach it. */
	server: Config["servers"][number];
	/** What it is to have. */
	plan: pulumi.Output<ServerPlan>;
	/** The gateways' nodes: none goes before the server was restored. */
	gatewayNodes: readonly pulumi.Resource[];
}

/**
 * One physical server: its routes and nameserver configuration, pushed in one transaction, verified on the server itself, and
 * taken back on delete. The transaction is components/host/server-network.sh; it is uploaded once per version, so that the
 * state does not hold its text for every server. The desired state goes to its standard input as plain lines, which are what a
 * preview's diff shows.
 */
export class PhysicalServer extends pulumi.ComponentResource {
	/** The server's name in the settings. */
	readonly name: string;
	/** What is in force, in one line, once the server has said so. */
	readonly inForce: pulumi.Output<string>;
	/** The record that the last deployment left there; undefined of a version that left none. */
	readonly record: pulumi.Output<DeploymentRecord | undefined>;

	constructor(
		name: string,
		{ server, plan, gatewayNodes }: PhysicalServerArgs,
		opts?: pulumi.ComponentResourceOptions,
	) {
		super("pod-gateway:index:PhysicalServer", name, {}, opts);
		this.name = server.name;
		const connection = commandConnection(server);
		const script = hostScript("server-network.sh");
		const uploaded = uploadPath(server.ssh.user, script.version);
		// Another machine under the same name is another server: the old one is restored, then the new one set up.
		const perMachine = { parent: this, replacementTrigger: server.address.text, deleteBeforeReplace: true };

		const upload = new command.remote.CopyToRemote(
			`${name}-script`,
			{ connection, source: new pulumi.asset.FileAsset(script.path), remotePath: uploaded },
			perMachine,
		);
		// Made before the first transaction, so that it is there to undo it; by a tool, so that a dead server is a warning.
		const restore = new command.local.Command(
			`${name}-restore`,
			{
				stdin: pulumi.secret(pulumi.jsonStringify(sshTarget(server))),
				delete: `exec node --import tsx tools/physical-server.ts restore --stack ${quote(pulumi.getStack())}`,
				addPreviousOutputInEnv: false,
				logging: command.local.Logging.Stderr,
			},
			{ ...perMachine, dependsOn: [...gatewayNodes] },
		);
		const network = new command.remote.Command(
			`${name}-network`,
			{
				connection,
				stdin: plan.apply(renderDesired),
				// The run on the server has its own limits; this one is for a server that does not answer any more.
				create: `exec timeout -k 10 260 sh ${uploaded} apply`,
				addPreviousOutputInEnv: false,
				logging: command.remote.Logging.Stderr,
			},
			{ ...perMachine, dependsOn: [upload, restore] },
		);
		const outcome = network.stdout.apply(parseOutcome);
		this.inForce = pulumi
			.all([plan, outcome])
			.apply(([planned, { dnsMethod }]) => `${summary(planned)} (${dnsMethod})`);
		this.record = outcome.apply(({ record }) => record);
		this.registerOutputs({ inForce: this.inForce, record: this.record });
	}
}

/** Where the user may write; a relative path is one in their home. The script helps itself by sudo where it is not root. */
function uploadPath(user: string, version: string): string {
	return user === "root" ? `/usr/local/lib/pod-gateway-host-${version}` : `.pod-gateway-host-${version}`;
}
