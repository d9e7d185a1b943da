import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import { parseJson } from "../src/core/values/read.ts";
import { parseDesired } from "../src/core/wire/parseDesired.ts";
import { resourcesOf } from "../src/stack/deployed.ts";
import { partsOf, serverOf, TARGET_VARIABLE } from "../src/stack/resources.ts";
import type { Connection } from "./rules.ts";

/** What a rule sees of a resource. */
export interface SeenResource {
	readonly urn: string;
	readonly type: string;
	readonly props: Readonly<Record<string, unknown>>;
}

/**
 * The stack that a resource belongs to, by a name that `pulumi --stack` understands. Example of a URN:
 * `urn:pulumi:prod::pod-gateway::…`.
 *
 * @param organization that the stack is of, where the back end has any; a name without one is of the person's default.
 * @throws Error when it is no URN.
 */
export function stackOf(urn: string, organization?: string): string {
	const { stack, project } = partsOf(urn);
	if (!urn.startsWith("urn:pulumi:") || stack === "" || project === "")
		throw new Error(`${urn} is no URN of a resource`);
	// Files and buckets have this one only, and older ones of them do not know it.
	if (organization === undefined || organization === "" || organization === "organization") return stack;
	return `${organization}/${project}/${stack}`;
}

/**
 * The servers of a stack out of its state, secrets hidden: what it was that made each the machine it is (its address), by name;
 * undefined where the state does not tell.
 *
 * @throws Error when it is no such state.
 */
export function formerServers(exported: unknown): ReadonlyMap<string, unknown> {
	return new Map(
		resourcesOf(exported)
			.filter(({ delete: leaving }) => !leaving)
			.flatMap(({ urn, replacementTrigger }) => {
				const server = serverOf(urn);
				return server === undefined ? [] : [[server, replacementTrigger] as const];
			}),
	);
}

/** The plan that a resource carries to a server; undefined of any other resource. @throws Error when it makes no sense. */
export function planOf({ urn, props }: SeenResource): ServerPlan | undefined {
	const server = serverOf(urn);
	if (server === undefined) return undefined;
	const plan = parseDesired(String(props["stdin"]));
	if (!plan.ok) throw new Error(`the desired state of ${server} makes no sense: ${plan.problems.join("; ")}`);
	return plan.value;
}

/** Every connection that a resource is to make: its own, and those that a tool of ours reads on standard input or in its environment. */
export function connectionsOf({ type, props }: SeenResource): readonly Connection[] {
	if (type.startsWith("command:remote:")) return [isObject(props["connection"]) ? props["connection"] : {}];
	if (type !== "command:local:Command") return [];
	const { stdin, environment } = props;
	const requests = [stdin, isObject(environment) ? environment[TARGET_VARIABLE] : undefined];
	return requests
		.map((text) => (typeof text === "string" ? parseJson(text) : undefined))
		.filter(isObject)
		.flatMap((request) => [request, request["machine"], request["hypervisor"]])
		.filter((part): part is Connection => isObject(part) && "host" in part);
}

function isObject(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null;
}
