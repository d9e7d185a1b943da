import { z } from "zod";
import { type Prefix, parsePrefix } from "../core/values/prefix.ts";
import { all } from "../core/values/result.ts";
import { secretTextSchema } from "../core/values/secretText.ts";
import { type Outcome, parseOutcome } from "../core/wire/outcome.ts";
import { type SshTarget, sshTargetSchema } from "../remote/sshTarget.ts";
import type { RecordsAccess } from "../survey/blocks.ts";
import { etcdAccess } from "../survey/etcd/etcd.ts";
import { COMPONENTS, type CommandRole, commandOf, partsOf } from "./resources.ts";

/** A server as the last deployment left it. */
export interface DeployedServer {
	readonly name: string;
	readonly target: SshTarget;
	/** The desired state, as the host script read it. */
	readonly desired: string;
	/** What the host script said when it was done. */
	readonly outcome: Outcome;
	/** The resource that brings it there, for `pulumi up --target-replace`. */
	readonly urn: string;
}

/** A gateway as the last deployment left it. */
export interface DeployedGateway {
	readonly name: string;
	/** The Node's name. */
	readonly node: string;
	readonly target: SshTarget;
	/** How its cluster's records are read. */
	readonly access: RecordsAccess;
}

/** A deployed stack, as far as a survey needs it. */
export interface DeployedSite {
	/** In order of their names. */
	readonly gateways: readonly [DeployedGateway, ...DeployedGateway[]];
	/** Prefixes the pods' addresses come from. */
	readonly podRanges: readonly Prefix[];
}

/** How the engine marks a secret that it shows all the same (sdk/go/common/resource/properties.go). */
const SECRET = "4dabf18193072939515e22adb298388d";
const shownSecret = z.object({ [SECRET]: z.string(), plaintext: z.string() });

const state = z.object({
	deployment: z.object({
		resources: z
			.array(
				z.object({
					urn: z.string(),
					type: z.string(),
					inputs: z.record(z.string(), z.unknown()).default({}),
					outputs: z.record(z.string(), z.unknown()).default({}),
					/** It was replaced and is about to go. */
					delete: z.boolean().default(false),
					/** By a change of it the resource is replaced. */
					replacementTrigger: z.unknown().optional(),
				}),
			)
			.default([]),
	}),
});

/**
 * The servers of a stack, in order of their names, out of its state with secrets shown (`pulumi stack export --show-secrets`).
 *
 * @throws Error when it is no such state.
 */
export function deployedServers(exported: unknown): readonly DeployedServer[] {
	// Where an update from a former version was cut off, its remote commands are beside those that come after them.
	const former = ({ type }: { type: string }) => type.startsWith("command:remote:");
	const commands = resourcesOf(exported)
		.sort((a, b) => Number(former(b)) - Number(former(a)))
		.map((resource) => ({ ...resource, command: commandOf(resource.urn) }));
	const commandsOf = (role: CommandRole) =>
		new Map(commands.flatMap((one) => (one.command?.role === role ? [[one.command.owner, one] as const] : [])));
	const [network, restore] = [commandsOf("network"), commandsOf("restore")];
	return [...network.keys()].sort().map((name) => {
		const desired = shown(network.get(name)?.inputs["stdin"]);
		const target = sshTargetSchema.safeParse(JSON.parse(shown(restore.get(name)?.inputs["stdin"]) ?? "null"));
		if (desired === undefined || !target.success) {
			throw new Error(`the state of server ${name} is not as this version writes it; run pulumi up first`);
		}
		const urn = (restore.get(name)?.urn ?? "").replace(/-restore$/, "-network");
		const outcome = parseOutcome(shown(network.get(name)?.outputs["stdout"]) ?? "");
		return { name, target: target.data, desired, outcome, urn };
	});
}

/** The resources of a state. @throws Error when it is none. */
export function resourcesOf(exported: unknown) {
	const parsed = state.safeParse(exported);
	if (!parsed.success) throw new Error("this is no state of a stack");
	return parsed.data.deployment.resources;
}

const request = z.object({
	cluster: z.object({
		kubeconfig: secretTextSchema,
		context: z.string().optional(),
	}),
	node: z.object({ name: z.string() }),
	machine: sshTargetSchema,
});

const ranges = z.object({ pods: z.array(z.string()) });

const outputs = z.object({
	gateways: z.record(z.string(), z.object({ node: z.string(), addresses: z.array(z.string()) })),
	ranges: z.object({ services: z.array(z.string()) }),
	podRoutes: z.array(z.array(z.string().regex(/^\S+ of .+$/))),
});

/** What a stack's outputs say of its site, as `index.ts` exports it. */
export type DeployedOutputs = z.infer<typeof outputs>;

/**
 * The outputs of a stack, out of its state.
 *
 * @throws Error when it is no such state, or nothing was deployed yet.
 */
export function deployedOutputs(exported: unknown): DeployedOutputs {
	const stack = resourcesOf(exported).find(({ type }) => type === "pulumi:pulumi:Stack");
	const parsed = outputs.safeParse(stack?.outputs);
	if (!parsed.success) throw new Error("nothing was deployed yet; run pulumi up first");
	return parsed.data;
}

/**
 * The gateways of a stack, and the cluster's pod ranges, out of its state with secrets shown.
 *
 * @throws Error when it is no such state, or nothing was deployed yet.
 */
export function deployedSite(exported: unknown): DeployedSite {
	const resources = resourcesOf(exported);
	const requests = resources
		.flatMap(({ urn, inputs, delete: leaving }) => {
			const command = commandOf(urn);
			if (command?.role !== "node" || leaving) return [];
			return [{ name: command.owner, request: request.parse(JSON.parse(shown(inputs["stdin"]) ?? "null")) }];
		})
		.sort((a, b) => a.name.localeCompare(b.name));
	const etcdOf = (gateway: string) => {
		const survey = resources.find(({ type, urn }) => type === COMPONENTS.routeSurvey && partsOf(urn).name === gateway);
		const access = shown(survey?.outputs["calicoEtcd"]);
		return access === undefined ? undefined : etcdAccess.parse(JSON.parse(access));
	};
	const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
	const declared = ranges.safeParse(stack?.outputs["ranges"]);
	const [first, ...others] = requests;
	if (!first || !declared.success) throw new Error("no gateway has joined yet; run pulumi up first");
	const podRanges = all(declared.data.pods.map((text) => parsePrefix(text)));
	if (!podRanges.ok) throw new Error(`the stack's outputs make no sense: ${podRanges.problems.join("; ")}`);
	const gateway = ({ name, request: { cluster, node, machine } }: typeof first): DeployedGateway => ({
		...{ name, node: node.name, target: machine },
		access: { kubeconfig: cluster.kubeconfig, context: cluster.context, calicoEtcd: etcdOf(name) },
	});
	return { gateways: [gateway(first), ...others.map(gateway)], podRanges: podRanges.value };
}

/** A text of the state, whether it is a secret or not. */
function shown(value: unknown): string | undefined {
	const secret = shownSecret.safeParse(value);
	const plain: unknown = secret.success ? JSON.parse(secret.data.plaintext) : value;
	return typeof plain === "string" ? plain : undefined;
}
