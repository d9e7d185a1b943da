import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import { summary } from "../src/core/plan/summary.ts";
import type { DeploymentRecord } from "../src/core/wire/deploymentRecord.ts";
import { parseOutcome } from "../src/core/wire/outcome.ts";
import { renderDesired } from "../src/core/wire/renderDesired.ts";
import { hostScript, shellWord } from "../src/remote/hostScript.ts";
import type { Config } from "../src/settings/model.ts";
import { sshTarget } from "../src/settings/reach.ts";
import { COMPONENTS, commandName, TARGET_VARIABLE } from "../src/stack/resources.ts";

export interface PhysicalServerArgs {
	/** The server and how to reach it. */
	server: Config["servers"][number];
	/** The server's desired state. */
	plan: pulumi.Output<ServerPlan>;
	/** The gateways' nodes. They are only removed after the server was restored. */
	gatewayNodes: readonly pulumi.Resource[];
}

/**
 * One physical server: its routes and nameserver configuration, pushed in one transaction, verified on the server, and removed
 * on delete. tools/physical-server.ts uploads the transaction's script, host/server-network.sh, so resources hold neither its
 * text nor keys that are in files. The desired state is plain lines on standard input, which a preview's diff shows.
 */
export class PhysicalServer extends pulumi.ComponentResource {
	/** The server's name in the settings. */
	readonly name: string;
	/** The state in force, as one line. Known once the server has applied it. */
	readonly inForce: pulumi.Output<string>;
	/** The record of the last deployment; undefined if its version did not write records. */
	readonly record: pulumi.Output<DeploymentRecord | undefined>;

	constructor(
		name: string,
		{ server, plan, gatewayNodes }: PhysicalServerArgs,
		opts?: pulumi.ComponentResourceOptions,
	) {
		super(COMPONENTS.physicalServer, name, {}, opts);
		this.name = server.name;
		const target = pulumi.secret(pulumi.jsonStringify(sshTarget(server)));
		// A new address is another machine: the old one is restored, then the new one is set up.
		const perMachine = { parent: this, replacementTrigger: server.address.text, deleteBeforeReplace: true };

		// Made before the first transaction, so that a delete can undo even an incomplete one.
		const restore = new command.local.Command(
			commandName(name, "restore"),
			{
				stdin: target,
				delete: tool(`restore --stack ${shellWord(pulumi.getStack())}`),
				addPreviousOutputInEnv: false,
				logging: command.local.Logging.Stderr,
			},
			{ ...perMachine, dependsOn: [...gatewayNodes] },
		);
		const network = new command.local.Command(
			commandName(name, "network"),
			{
				stdin: plan.apply(renderDesired),
				// A new version of the script runs even if the desired state is the same.
				environment: { [TARGET_VARIABLE]: target, POD_GATEWAY_SCRIPT: hostScript("server-network.sh").version },
				create: tool("apply"),
				addPreviousOutputInEnv: false,
				logging: command.local.Logging.Stderr,
			},
			{ ...perMachine, dependsOn: restore },
		);
		const outcome = network.stdout.apply(parseOutcome);
		this.inForce = pulumi
			.all([plan, outcome])
			.apply(([planned, { dnsMethod }]) => `${summary(planned)} (${dnsMethod})`);
		this.record = outcome.apply(({ record }) => record);
		this.registerOutputs({ inForce: this.inForce, record: this.record });
	}
}

/** A constant command, which runs in the project's folder. Everything that varies is on standard input or in the environment. */
function tool(command: string): string {
	return `exec node --import tsx tools/physical-server.ts ${command}`;
}
