/**
 * Rules that hold for every stack, whoever writes its settings: `pulumi up --policy-pack policy`. They look at what would be
 * deployed, not at the settings, and so hold for what this program gets wrong, too.
 */
import {
	PolicyPack,
	type ReportViolation,
	type ResourceValidationPolicy,
	type StackValidationPolicy,
} from "@pulumi/policy";
import { exportState } from "../tools/pulumiCli.ts";
import { connectionsOf, planOf, serverOf, stackOf } from "./resources.ts";
import { defaultRoutes, missingServers, shortPrefixes, tooManyGone, unpinned } from "./rules.ts";

const hostKey: ResourceValidationPolicy = {
	name: "host-key",
	description: "Every connection pins the host key of the machine, and of every bastion.",
	validateResource: (resource, report) => {
		for (const connection of connectionsOf(resource)) tell(report, unpinned(connection));
	},
};

const noDefaultRoute: ResourceValidationPolicy = {
	name: "no-default-route",
	description: "No server gets a default route.",
	validateResource: (resource, report) => {
		const plan = planOf(resource);
		if (plan) tell(report, defaultRoutes(plan));
	},
};

const shortestPrefix: ResourceValidationPolicy = {
	name: "shortest-prefix",
	description: "No server gets a route to a prefix with fewer leading bits than this.",
	configSchema: {
		properties: {
			// Private networks are /8 at most (RFC 1918), and a site's own part of fc00::/7 is a /48 (RFC 4193).
			ipv4: { type: "integer", minimum: 0, maximum: 32, default: 8 },
			ipv6: { type: "integer", minimum: 0, maximum: 128, default: 48 },
		},
	},
	validateResource: (resource, report) => {
		const { ipv4, ipv6 } = resource.getConfig<{ ipv4: number; ipv6: number }>();
		const plan = planOf(resource);
		if (plan) tell(report, shortPrefixes(plan, { 4: ipv4, 6: ipv6 }));
	},
};

const serverDrop: StackValidationPolicy = {
	name: "server-drop",
	description: "No more than a share of the servers is taken off the list at once; one may always go.",
	configSchema: { properties: { share: { type: "number", minimum: 0, maximum: 1, default: 0.2 } } },
	validateStack: async ({ resources, getConfig }, report) => {
		// The engine shows a policy what is to be and not what there was. Reading the state takes no lock. A pack runs in its own
		// folder, so that the state is that of the project around it.
		const urns = resources.map(({ urn }) => urn);
		const stack = stackOf(urns);
		const before = stack === undefined ? [] : servers(await deployedUrns(stack));
		tell(report, tooManyGone(before, servers(urns), getConfig<{ share: number }>().share));
	},
};

const protectedServers: StackValidationPolicy = {
	name: "protected-servers",
	description: "These servers stay on the list.",
	configSchema: { properties: { servers: { type: "array", items: { type: "string" }, default: [] } } },
	validateStack: ({ resources, getConfig }, report) => {
		const now = servers(resources.map(({ urn }) => urn));
		tell(report, missingServers(getConfig<{ servers: string[] }>().servers, now));
	},
};

function tell(report: ReportViolation, problems: readonly string[]): void {
	for (const problem of problems) report(problem);
}

function servers(urns: readonly string[]): readonly string[] {
	return urns.flatMap((urn) => serverOf(urn) ?? []);
}

async function deployedUrns(stack: string): Promise<readonly string[]> {
	const state = (await exportState(stack, { secrets: false })) as { deployment?: { resources?: { urn: string }[] } };
	return (state.deployment?.resources ?? []).map(({ urn }) => urn);
}

new PolicyPack("pod-gateway", {
	enforcementLevel: "mandatory",
	policies: [hostKey, noDefaultRoute, shortestPrefix, serverDrop, protectedServers],
});
