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
	/** The gateway's name in the settings, for messages. */
	gateway: Pick<Config["gateways"][number], "name">;
	/** The machine to read. */
	machine: GatewayMachine;
	/** The gateway's node. The survey waits until it has joined. */
	node: GatewayNode;
	/** The node names of all gateways. No gateway waits for routes to their blocks. */
	gatewayNodes: readonly pulumi.Input<string>[];
	/** Credentials for the cluster and Calico's etcd, which know the blocks to wait for. */
	cluster: Config["cluster"];
	facts: ClusterFacts;
	/** Seconds that the routes may take to appear and settle. */
	convergeTimeout: number;
	/** The share (0 to 1) of the cluster's blocks that the gateway may lack routes to. */
	maxShrink: number;
	/** The locked routes. With them, a preview does not read the gateway. */
	lock?: Lock | undefined;
}

/**
 * Reads the gateway's routes in every preview and update, and does not change the gateway. The program reads them itself, not
 * through a resource, so a preview shows the same routes that an update will push.
 */
export class RouteSurvey extends pulumi.ComponentResource {
	/** The pod prefixes that the gateway has next hops to, sorted. Unknown until the gateway has joined. */
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
		// The routes are not secret, although the keys and the kubeconfig with which they are read are.
		this.found = pulumi.unsecret(found);
		// `npm run survey` reads this from the state. It is not an input of the node, because a new certificate must not cause a
		// new join.
		const etcd = cluster.calicoEtcd;
		this.registerOutputs(etcd && { calicoEtcd: pulumi.secret(pulumi.jsonStringify(etcd)) });
	}
}

/**
 * Reads a survey, logs its warnings, and returns its routes with their nodes.
 *
 * @throws pulumi.RunError with the reason if the survey failed, if servers could not get any of its routes, or if too many are
 * missing.
 */
export async function reportSurvey(
	read: () => Promise<GatewaySurvey>,
	podRanges: readonly Prefix[],
	{ gateway, seconds, maxShrink, locked, log }: SurveyReport,
): Promise<readonly PodRoute[]> {
	const survey = await read().catch(async (error: Error) => {
		// Logged here, because the engine reports the refusal at length, and once per property that depends on the survey.
		await log("error", `${gateway} was not surveyed; no server was touched: ${error.message}`);
		throw refusal(error.message);
	});
	const outside = outsideProblem(survey.pools, podRanges);
	if (outside !== undefined && survey.prefixes.length === 0) {
		await log("error", `${gateway} does not have a route that servers could get: ${outside}`);
		throw refusal(outside);
	}
	if (tooManyMissing(survey.expected, survey.missing, maxShrink)) {
		const incomplete =
			`no route to ${survey.missing.length} of ${survey.expected.length} blocks after ${seconds} s (${someOf(survey.missing)}), but only ${Math.round(maxShrink * 100)} % may be missing; ` +
			"check that calico-node has settled there and is connected to its peers (calicoctl node status), then run up again; to accept the missing routes, set pod-gateway:routes.maxShrink to 1";
		await log("error", `${gateway} only has a part of its routes; no server was touched: ${incomplete}`);
		throw refusal(incomplete);
	}
	const { missing } = survey;
	const late = missing.length > 0 ? [`no route to ${someOf(missing)} after ${seconds} s`] : [];
	for (const warning of [...surveyWarnings(survey, podRanges), ...late]) await log("warn", `${gateway}: ${warning}`);
	// If Calico has no records (any more), the owners of blocks are unknown and must not count as changed.
	return withNodes(survey.prefixes, survey.owners?.size ? survey.owners : undefined, locked);
}

/** The input of a survey's report besides the survey. */
export interface SurveyReport {
	/** The gateway's name. */
	readonly gateway: string;
	/** Seconds that the routes had to settle, for messages. */
	readonly seconds: number;
	/** The share (0 to 1) of the expected blocks that may lack routes. */
	readonly maxShrink: number;
	readonly locked?: readonly PodRoute[] | undefined;
	readonly log: (how: "warn" | "error", text: string) => Promise<void>;
}

/** The first 8 blocks, and the number of the others. */
function someOf(blocks: readonly Block[]): string {
	const first = blocks.slice(0, 8).map(({ prefix, node }) => `${prefix.text} of ${node}`);
	return [...first, ...(blocks.length > 8 ? [`${blocks.length - 8} more blocks`] : [])].join(", ");
}
