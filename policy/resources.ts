import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import { parseJson } from "../src/core/values/read.ts";
import { parseDesired } from "../src/core/wire/parseDesired.ts";
import { resourcesOf } from "../src/stack/deployed.ts";
import { partsOf, serverOf, TARGET_VARIABLE } from "../src/stack/resources.ts";
import type { Connection } from "./rules.ts";

/** A rule's view of a resource. */
export interface SeenResource {
	readonly urn: string;
	readonly type: string;
	readonly props: Readonly<Record<string, unknown>>;
}

/**
 * The stack of a resource, in a form that `pulumi --stack` understands.
 *
 * @param urn example: `urn:pulumi:prod::pod-gateway::…`.
 * @param organization the stack's organization, if the back end has organizations. Default: the person's default one.
 * @throws Error if it is not a URN.
 */
export function stackOf(urn: string, organization?: string): string {
	const { stack, project } = partsOf(urn);
	if (!urn.startsWith("urn:pulumi:") || stack === "" || project === "")
		throw new Error(`${urn} is not a resource's URN`);
	// Back ends in files and buckets only have the organization "organization", and older ones do not know it.
	if (organization === undefined || organization === "" || organization === "organization") return stack;
	return `${organization}/${project}/${stack}`;
}

/**
 * The servers in a stack's state, by name, each with its address; undefined if the state does not have it.
 *
 * @param exported the state, with hidden secrets.
 * @throws Error if it is not a state.
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

/** The plan that a resource applies to a server; undefined for any other resource. @throws Error if it cannot be parsed. */
export function planOf({ urn, props }: SeenResource): ServerPlan | undefined {
	const server = serverOf(urn);
	if (server === undefined) return undefined;
	const plan = parseDesired(String(props["stdin"]));
	if (!plan.ok) throw new Error(`the desired state of ${server} cannot be parsed: ${plan.problems.join("; ")}`);
	return plan.value;
}

/**
 * Every connection that a resource makes: its own, and those in the standard input or the environment of a tool of this
 * program.
 */
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
