/*
 * The names of our resources, and how they are read from a URN, which is urn:pulumi:STACK::PROJECT::PARENT_TYPE$TYPE::NAME. They
 * stand in the state of every stack: under another name a resource is another resource.
 */

/** The type tokens of our components. */
export const COMPONENTS = {
	clusterFacts: "pod-gateway:index:ClusterFacts",
	gatewayMachine: "pod-gateway:index:GatewayVm",
	gatewayNode: "pod-gateway:index:GatewayNode",
	routeSurvey: "pod-gateway:index:RouteSurvey",
	physicalServer: "pod-gateway:index:PhysicalServer",
} as const;

/**
 * What a command of ours does: `network` brings the desired state to a server, `restore` takes it away, `node` makes a machine the
 * gateway's node.
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

/** The environment variable in which a server's `network` command has the SSH target, as JSON. */
export const TARGET_VARIABLE = "POD_GATEWAY_TARGET";

/** Reads the URN of a command of ours; undefined of any other resource. Former versions had remote commands. */
export function commandOf(urn: string): { readonly owner: string; readonly role: CommandRole } | undefined {
	const { types, name } = partsOf(urn);
	if (!/^command:(local|remote):Command$/.test(types.at(-1) ?? "")) return undefined;
	const role = ROLES[types.at(-2) ?? ""]?.find((one) => name.endsWith(`-${one}`));
	return role && { owner: name.slice(0, -role.length - 1), role };
}

/** The name of the server whose desired state a resource carries; undefined of any other resource. */
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

/** Parts a URN. */
export function partsOf(urn: string): UrnParts {
	const [head = "", project = "", types = "", ...name] = urn.split("::");
	return { stack: head.replace(/^urn:pulumi:/, ""), project, types: types.split("$"), name: name.join("::") };
}
