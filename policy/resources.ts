import { parseDesired } from "../components/network/parseDesired.ts";
import type { ServerPlan } from "../components/network/serverPlan.ts";
import type { Connection } from "./rules.ts";

/** What a rule sees of a resource. */
export interface SeenResource {
	readonly urn: string;
	readonly type: string;
	readonly props: Readonly<Record<string, unknown>>;
}

const OF_SERVER = /::pod-gateway:index:PhysicalServer\$command:remote:Command::(.*)-network$/;

/** The name of the server whose desired state a resource carries; undefined of any other resource. */
export function serverOf(urn: string): string | undefined {
	return OF_SERVER.exec(urn)?.[1];
}

/** The stack that resources belong to. Example of their URN: `urn:pulumi:prod::pod-gateway::…`. */
export function stackOf(urns: readonly string[]): string | undefined {
	return /^urn:pulumi:([^:]+)::/.exec(urns[0] ?? "")?.[1];
}

/** The plan that a resource carries to a server; undefined of any other resource. @throws Error when it makes no sense. */
export function planOf({ urn, props }: SeenResource): ServerPlan | undefined {
	const server = serverOf(urn);
	if (server === undefined) return undefined;
	const plan = parseDesired(String(props["stdin"]));
	if (!plan.ok) throw new Error(`the desired state of ${server} makes no sense: ${plan.problems.join("; ")}`);
	return plan.value;
}

/** Every connection that a resource is to make: its own, and those that a tool of ours reads on standard input. */
export function connectionsOf({ type, props }: SeenResource): readonly Connection[] {
	if (type.startsWith("command:remote:")) return [isObject(props["connection"]) ? props["connection"] : {}];
	if (type !== "command:local:Command") return [];
	const request = json(props["stdin"]);
	if (!isObject(request)) return [];
	return [request, request["machine"], request["hypervisor"]].filter(
		(part): part is Connection => isObject(part) && "host" in part,
	);
}

function json(text: unknown): unknown {
	if (typeof text !== "string") return undefined;
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}
