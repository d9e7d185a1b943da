/**
 * Rules for every stack, for `pulumi up --policy-pack policy`. They check the resources that would be deployed, not the
 * settings, and so also catch mistakes of this program.
 */
import {
	PolicyPack,
	type ReportViolation,
	type ResourceValidationPolicy,
	type StackValidationPolicy,
} from "@pulumi/policy";
import { exportState } from "../src/stack/pulumi.ts";
import { serverOf } from "../src/stack/resources.ts";
import { connectionsOf, formerServers, planOf, type SeenResource, stackOf } from "./resources.ts";
import { defaultRoutes, missingServers, movedServer, shortPrefixes, tooManyGone, unpinned } from "./rules.ts";

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
	description: "No server gets a route to a prefix that is shorter than this.",
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

const serverDrop: ResourceValidationPolicy & StackValidationPolicy = {
	name: "server-drop",
	description: "A deployment removes at most this share of the servers. One may always be removed.",
	configSchema: { properties: { share: { type: "number", minimum: 0, maximum: 1, default: 0.2 } } },
	validateResource: async ({ urn }) => void (await former(urn)),
	validateStack: async ({ resources, getConfig }, report) => {
		const urns = resources.map(({ urn }) => urn);
		const before = urns[0] === undefined ? [] : [...(await former(urns[0])).keys()];
		tell(report, tooManyGone(before, servers(urns), getConfig<{ share: number }>().share));
	},
};

const protectedServers: ResourceValidationPolicy & StackValidationPolicy = {
	name: "protected-servers",
	description: "These servers are not removed, and keep their addresses.",
	configSchema: { properties: { servers: { type: "array", items: { type: "string" }, default: [] } } },
	validateResource: async (resource, report) => {
		const server = serverOf(resource.urn);
		if (server === undefined || !resource.getConfig<{ servers: string[] }>().servers.includes(server)) return;
		tell(report, movedServer(server, (await former(resource.urn)).get(server), hostOf(resource)));
	},
	validateStack: ({ resources, getConfig }, report) => {
		const now = servers(resources.map(({ urn }) => urn));
		tell(report, missingServers(getConfig<{ servers: string[] }>().servers, now));
	},
};

let read: Promise<ReadonlyMap<string, unknown>> | undefined;

/**
 * The deployed servers before this deployment. The engine only shows a policy the new resources, and checks the whole stack
 * after the deletions. So the state is read once, when the engine asks about the first resource, which does not lock the stack.
 * A pack runs in its own folder, and Pulumi finds the project in the parent folder.
 */
function former(urn: string): Promise<ReadonlyMap<string, unknown>> {
	// The language host sets this variable. @pulumi/policy does not give the organization.
	const stack = stackOf(urn, process.env["PULUMI_NODEJS_ORGANIZATION"]);
	read ??= exportState(stack, { secrets: false }).then(formerServers);
	return read;
}

function hostOf(resource: SeenResource): unknown {
	return connectionsOf(resource)[0]?.host;
}

function tell(report: ReportViolation, problems: readonly string[]): void {
	for (const problem of problems) report(problem);
}

function servers(urns: readonly string[]): readonly string[] {
	return urns.flatMap((urn) => serverOf(urn) ?? []);
}

new PolicyPack("pod-gateway", {
	enforcementLevel: "mandatory",
	policies: [hostKey, noDefaultRoute, shortestPrefix, serverDrop, protectedServers],
});
