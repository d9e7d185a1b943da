/*
 * The names of this program's resources, and how to read them from a URN (urn:pulumi:STACK::PROJECT::PARENT_TYPE$TYPE::NAME).
 * Every stack's state has these names. A renamed resource would count as another one, so they must not change.
 */

/** The type tokens of this program's components. */
export const COMPONENTS = {
	clusterFacts: "pod-gateway:index:ClusterFacts",
	gatewayMachine: "pod-gateway:index:GatewayVm",
	gatewayNode: "pod-gateway:index:GatewayNode",
	routeSurvey: "pod-gateway:index:RouteSurvey",
	physicalServer: "pod-gateway:index:PhysicalServer",
} as const;

/**
 * The role of a command of this program. `network`: applies the desired state to a server. `restore`: removes it. `node`: makes
 * a machine the gateway's node.
 */
export type CommandRole = "network" | "restore" | "node";

/** Makes the name of a command. @param owner the gateway or server, by its name in the settings. */
export function commandName(owner: string, role: CommandRole): string {
	return `${owner}-${role}`;
}

const ROLES: Readonly<Record<string, readonly CommandRole[]>> = {
	[COMPONENTS.physicalServer]: ["network", "restore"],
	[COMPONENTS.gatewayNode]: ["node"],
};

/** The environment variable with which a server's `network` command gets the SSH target, as JSON. */
export const TARGET_VARIABLE = "POD_GATEWAY_TARGET";

/** Reads the URN of a command of this program; undefined for any other resource. Former versions had remote commands. */
export function commandOf(urn: string): { readonly owner: string; readonly role: CommandRole } | undefined {
	const { types, name } = partsOf(urn);
	if (!/^command:(local|remote):Command$/.test(types.at(-1) ?? "")) return undefined;
	const role = ROLES[types.at(-2) ?? ""]?.find((one) => name.endsWith(`-${one}`));
	return role && { owner: name.slice(0, -role.length - 1), role };
}

/** The name of the server to which a resource applies the desired state; undefined for any other resource. */
export function serverOf(urn: string): string | undefined {
	const command = commandOf(urn);
	return command?.role === "network" ? command.owner : undefined;
}

/** The parts of a URN. */
export interface UrnParts {
	readonly stack: string;
	readonly project: string;
	/** The types of its parents, the outermost first, then its own. */
	readonly types: readonly string[];
	readonly name: string;
}

/** Splits a URN into its parts. */
export function partsOf(urn: string): UrnParts {
	const [head = "", project = "", types = "", ...name] = urn.split("::");
	return { stack: head.replace(/^urn:pulumi:/, ""), project, types: types.split("$"), name: name.join("::") };
}
