import * as pulumi from "@pulumi/pulumi";
import { type Block, tooManyMissing } from "../src/core/calico/blocks.ts";
import { outsideProblem } from "../src/core/calico/pools.ts";
import type { Lock } from "../src/core/plan/lock.ts";
import { type PodRoute, withNodes } from "../src/core/plan/podRoutes.ts";
import type { Prefix } from "../src/core/values/prefix.ts";
import { refusal } from "../src/messages/refusal.ts";
import type { Config } from "../src/settings/model.ts";
import { COMPONENTS } from "../src/stack/resources.ts";
import { readExpectedBlocks } from "../src/survey/blocks.ts";
import { type GatewaySurvey, readRoutes } from "../src/survey/routes.ts";
import { surveyWarnings } from "../src/survey/warnings.ts";
import type { ClusterFacts } from "./clusterFacts.ts";
import type { GatewayMachine } from "./gatewayMachine.ts";
import type { GatewayNode } from "./gatewayNode.ts";

export interface RouteSurveyArgs {
	/** Its name in the settings is for messages. */
	gateway: Pick<Config["gateways"][number], "name">;
	/** The machine to read. */
	machine: GatewayMachine;
	/** The survey waits for it: before the join there is nothing to survey. */
	node: GatewayNode;
	/** The nodes that are gateways, this one too: no gateway waits for routes to their blocks. */
	gatewayNodes: readonly pulumi.Input<string>[];
	/** Credentials for the cluster and Calico's etcd, which know the blocks to wait for. */
	cluster: Config["cluster"];
	facts: ClusterFacts;
	/** Seconds the routes may take to appear and come to rest. */
	convergeTimeout: number;
	/** The share of the cluster's blocks that the gateway may have no route to. */
	maxShrink: number;
	/** What was locked; then a preview reads nothing. */
	lock?: Lock | undefined;
}

/**
 * Reads the gateway's routes: in every preview and every update, because it is a read of the program and no resource. So a
 * preview shows the very routes that an update will push. Nothing on the gateway is changed.
 */
export class RouteSurvey extends pulumi.ComponentResource {
	/** Pod prefixes that the gateway reaches by way of another host, sorted. Unknown until the gateway has joined. */
	readonly found: pulumi.Output<readonly PodRoute[]>;

	constructor(name: string, args: RouteSurveyArgs, opts?: pulumi.ComponentResourceOptions) {
		super(COMPONENTS.routeSurvey, name, {}, opts);
		const { cluster, convergeTimeout, maxShrink, lock } = args;
		if (lock && pulumi.runtime.isDryRun()) {
			this.found = pulumi.output(lock.routes);
			this.registerOutputs();
			return;
		}
		const found = pulumi
			.all([args.machine.target, args.facts.podRanges, args.node.nodeName, args.gatewayNodes, cluster])
			.apply(async ([target, podRanges, _, gatewayNodes, access]) => {
				const expected = () => readExpectedBlocks(access, podRanges, gatewayNodes);
				return await reportSurvey(() => readRoutes(target, podRanges, convergeTimeout, expected), podRanges, {
					gateway: args.gateway.name,
					seconds: convergeTimeout,
					maxShrink,
					locked: lock?.routes,
					log: (how, text) => pulumi.log[how](text, this),
				});
			});
		// What was read holds no secret, though the keys and the kubeconfig that opened the way are.
		this.found = pulumi.unsecret(found);
		// `npm run survey` finds it in the state. It is no input of the node: a new certificate is no reason to join again.
		const etcd = cluster.calicoEtcd;
		this.registerOutputs(etcd && { calicoEtcd: pulumi.secret(pulumi.jsonStringify(etcd)) });
	}
}

/**
 * The routes of a survey, with their nodes, once everything that there is to say of it is said.
 *
 * @throws pulumi.RunError when there was none, or servers could get none of its routes, with the reason.
 */
export async function reportSurvey(
	read: () => Promise<GatewaySurvey>,
	podRanges: readonly Prefix[],
	{ gateway, seconds, maxShrink, locked, log }: SurveyReport,
): Promise<readonly PodRoute[]> {
	const survey = await read().catch(async (error: Error) => {
		// Said here, because the engine reports the refusal once per property that depends on the survey, and at length.
		await log("error", `${gateway} was not surveyed; no server was touched: ${error.message}`);
		throw refusal(error.message);
	});
	const outside = outsideProblem(survey.pools, podRanges);
	if (outside !== undefined && survey.prefixes.length === 0) {
		await log("error", `${gateway} has no route that servers could get: ${outside}`);
		throw refusal(outside);
	}
	if (tooManyMissing(survey.expected, survey.missing, maxShrink)) {
		const incomplete =
			`no route to ${survey.missing.length} of ${survey.expected.length} blocks after ${seconds} s (${named(survey.missing)}), and ${Math.round(maxShrink * 100)} % may be missing: ` +
			"is calico-node at rest there, and connected to its peers (calicoctl node status)? Then run up again. If those routes are to be missing, set pod-gateway:routes.maxShrink to 1";
		await log("error", `${gateway} has a part of its routes only; no server was touched: ${incomplete}`);
		throw refusal(incomplete);
	}
	const { missing } = survey;
	const late = missing.length > 0 ? [`no route to ${named(missing)} after ${seconds} s`] : [];
	for (const warning of [...surveyWarnings(survey, podRanges), ...late]) await log("warn", `${gateway}: ${warning}`);
	// Records that nobody keeps (any more) are no news of who has a block.
	return withNodes(survey.prefixes, survey.owners?.size ? survey.owners : undefined, locked);
}

/** What a survey's report needs beside the survey. */
export interface SurveyReport {
	/** The gateway's name. */
	readonly gateway: string;
	/** Seconds the routes had to come to rest. */
	readonly seconds: number;
	/** The share of the expected blocks that may have no route. */
	readonly maxShrink: number;
	readonly locked?: readonly PodRoute[] | undefined;
	readonly log: (how: "warn" | "error", text: string) => Promise<void>;
}

/** The first few blocks by name, the others by their number. */
function named(blocks: readonly Block[]): string {
	const shown = blocks.slice(0, 8).map(({ prefix, node }) => `${prefix.text} of ${node}`);
	return [...shown, ...(blocks.length > 8 ? [`${blocks.length - 8} more blocks`] : [])].join(", ");
}
