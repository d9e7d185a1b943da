import * as pulumi from "@pulumi/pulumi";
import type { ClusterFacts } from "./clusterFacts.ts";
import type { Config } from "./config.ts";
import type { GatewayNode } from "./gatewayNode.ts";
import type { GatheredPrefix } from "./network/survey.ts";
import { refusal } from "./refusal.ts";
import { sshTarget } from "./remote/connection.ts";
import { type GatewaySurvey, readRoutes } from "./remote/readRoutes.ts";

export interface RouteSurveyArgs {
	gateway: Config["gateways"][number];
	/** The survey waits for it: before the join there is nothing to survey. */
	node: GatewayNode;
	facts: ClusterFacts;
	/** Seconds the routes may take to appear and come to rest. */
	convergeTimeout: number;
}

/**
 * Reads the gateway's routes: in every preview and every update, because it is a read of the program and no resource. So a
 * preview shows the very routes that an update will push. Nothing on the gateway is changed.
 */
export class RouteSurvey extends pulumi.ComponentResource {
	/** Pod prefixes that the gateway reaches by way of another host, sorted. Unknown until the gateway has joined. */
	readonly prefixes: pulumi.Output<readonly GatheredPrefix[]>;

	/** The same for people: `PREFIX via NODE` each. */
	readonly routes: pulumi.Output<readonly string[]>;

	constructor(name: string, args: RouteSurveyArgs, opts?: pulumi.ComponentResourceOptions) {
		super("pod-gateway:index:RouteSurvey", name, {}, opts);
		this.prefixes = pulumi
			.all([sshTarget(args.gateway), args.facts.podRanges, args.node.nodeName])
			.apply(async ([target, podRanges]) => {
				const survey = await readRoutes(target, podRanges, args.convergeTimeout).catch(async (error: Error) => {
					// Said here, because the engine reports the refusal once per property that depends on the survey, and at length.
					await pulumi.log.error(
						`${args.gateway.name} was not surveyed; no server was touched: ${error.message}`,
						this,
					);
					throw refusal(error.message);
				});
				for (const warning of warnings(survey)) await pulumi.log.warn(`${args.gateway.name}: ${warning}`, this);
				return survey.prefixes;
			});
		// What was read holds no secret, though the key that opened the connection is one.
		this.prefixes = pulumi.unsecret(this.prefixes);
		this.routes = this.prefixes.apply((prefixes) =>
			prefixes.map(({ prefix, via }) => [prefix.text, ...via.map(({ text }) => text)].join(" via ")),
		);
		this.registerOutputs({ routes: this.routes });
	}
}

function warnings({ rejected, unreadable }: GatewaySurvey): readonly string[] {
	return [
		...unreadable.map((problem) => `left out what is no route: ${problem}`),
		...rejected
			.filter(({ suspicious }) => suspicious)
			.map(({ route, reason }) => `left out the route to ${route.destination.text}: ${reason}`),
	];
}
