import * as pulumi from "@pulumi/pulumi";
import { type Lock, lockDifferences } from "../src/core/plan/lock.ts";
import { planSite } from "../src/core/plan/plan.ts";
import { onEveryGateway } from "../src/core/plan/podRoutes.ts";
import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import { parseAddress } from "../src/core/values/address.ts";
import { listed, refusal, valueOrRefusal } from "../src/messages/refusal.ts";
import type { Config } from "../src/settings/model.ts";
import { lockCommand } from "../src/stack/lockFile.ts";
import type { ClusterFacts } from "./clusterFacts.ts";
import type { GatewayMachine } from "./gatewayMachine.ts";
import type { RouteSurvey } from "./routeSurvey.ts";

export interface ServerPlansArgs {
	config: Config;
	facts: ClusterFacts;
	/** The locked routes. A plan with other routes is refused. */
	lock?: Lock | undefined;
	/** Each gateway's machine, and its survey. */
	gateways: readonly { readonly machine: GatewayMachine; readonly survey: RouteSurvey }[];
}

/**
 * Plans all servers at once.
 *
 * @returns a server's plan by its name. Unknown until every gateway was surveyed. Throws a pulumi.RunError with every problem
 * of the plan, before any server is touched.
 */
export function planServers({
	config,
	facts,
	gateways,
	lock,
}: ServerPlansArgs): (server: string) => pulumi.Output<ServerPlan> {
	const plans = pulumi
		.all([
			facts.podRanges,
			facts.serviceRanges,
			facts.domain,
			facts.dnsAddresses,
			facts.endpoint,
			pulumi.all(gateways.map(({ machine }) => machine.nextHop)),
			pulumi.all(gateways.map(({ survey }) => survey.found)),
		])
		.apply(([pods, services, domain, addresses, endpoint, machines, gathered]) => {
			const apiServer = parseAddress(new URL(`https://${endpoint}`).hostname.replace(/^\[|\]$/g, ""));
			const routes = onEveryGateway(gathered);
			const differences = lock ? lockDifferences(lock.routes, routes) : [];
			if (differences.length > 0) throw refusal(listed(notLocked(), differences));
			const plans = planSite(
				{
					stack: pulumi.getStack(),
					gateways: machines,
					ranges: { pods, services },
					mode: config.routes.mode,
					maxShrink: config.routes.maxShrink,
					gathered: routes,
					dns: { ...config.dns, addresses, domain },
					verify: config.verify,
					apiServer: apiServer.ok ? apiServer.value : undefined,
					kept: config.kept,
				},
				config.servers,
			);
			return valueOrRefusal(plans, "the plan is refused; no server was touched");
		});
	return (server) =>
		plans.apply((all) => {
			const plan = all.find((one) => one.server === server);
			if (!plan) throw refusal(`the plan of ${server} is missing`);
			return plan;
		});
}

function notLocked(): string {
	const stack = pulumi.getStack();
	return `the gateways' routes differ from those of stacks/${stack}.routes.json (+ live, - locked); no server was touched; to update the file: ${lockCommand(stack)}`;
}
