import { z } from "zod";
import { type Prefix, parsePrefix } from "../core/values/prefix.ts";
import { all } from "../core/values/result.ts";
import { secretTextSchema } from "../core/values/secretText.ts";
import { type Outcome, parseOutcome } from "../core/wire/outcome.ts";
import { type SshTarget, sshTargetSchema } from "../remote/sshTarget.ts";
import type { RecordsAccess } from "../survey/blocks.ts";
import { etcdAccess } from "../survey/etcd/etcd.ts";
import { COMPONENTS, type CommandRole, commandOf, partsOf } from "./resources.ts";

/** A server as it was last deployed. */
export interface DeployedServer {
	readonly name: string;
	readonly target: SshTarget;
	/** The desired state, as the host script read it. */
	readonly desired: string;
	/** The host script's outcome. */
	readonly outcome: Outcome;
	/** The resource that applies the desired state, for `pulumi up --target-replace`. */
	readonly urn: string;
}

/** A gateway as it was last deployed. */
export interface DeployedGateway {
	readonly name: string;
	/** The Node's name. */
	readonly node: string;
	readonly target: SshTarget;
	/** How to read its cluster's records. */
	readonly access: RecordsAccess;
}

/** The parts of a deployed stack that a survey needs. */
export interface DeployedSite {
	/** In order of their names. */
	readonly gateways: readonly [DeployedGateway, ...DeployedGateway[]];
	readonly podRanges: readonly Prefix[];
}

/** The engine's mark of a secret in an export with plain secrets (sdk/go/common/resource/properties.go). */
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
					/** Whether the resource was replaced and will be deleted. */
					delete: z.boolean().default(false),
					/** A change of this value replaces the resource. */
					replacementTrigger: z.unknown().optional(),
				}),
			)
			.default([]),
	}),
});

/**
 * The servers of a stack, in order of their names.
 *
 * @param exported the state with plain secrets, from `pulumi stack export --show-secrets`.
 * @throws Error if it is not such a state.
 */
export function deployedServers(exported: unknown): readonly DeployedServer[] {
	// An interrupted update from a former version leaves its remote commands beside the new ones. The new ones come later and win.
	const former = ({ type }: { type: string }) => type.startsWith("command:remote:");
	const commands = resourcesOf(exported)
		.sort((a, b) => Number(former(b)) - Number(former(a)))
		.map((resource) => ({ ...resource, command: commandOf(resource.urn) }));
	const commandsOf = (role: CommandRole) =>
		new Map(commands.flatMap((one) => (one.command?.role === role ? [[one.command.owner, one] as const] : [])));
	const [network, restore] = [commandsOf("network"), commandsOf("restore")];
	return [...network.keys()].sort().map((name) => {
		const desired = plainText(network.get(name)?.inputs["stdin"]);
		const target = sshTargetSchema.safeParse(JSON.parse(plainText(restore.get(name)?.inputs["stdin"]) ?? "null"));
		if (desired === undefined || !target.success) {
			throw new Error(`the state of server ${name} does not have this version's form; run pulumi up first`);
		}
		const urn = (restore.get(name)?.urn ?? "").replace(/-restore$/, "-network");
		const outcome = parseOutcome(plainText(network.get(name)?.outputs["stdout"]) ?? "");
		return { name, target: target.data, desired, outcome, urn };
	});
}

/** The resources of a state. @throws Error if it is not a state. */
export function resourcesOf(exported: unknown) {
	const parsed = state.safeParse(exported);
	if (!parsed.success) throw new Error("not a stack state: expected the output of `pulumi stack export`");
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

/** The parts of a stack's outputs that a report needs, as `index.ts` exports them. */
export type DeployedOutputs = z.infer<typeof outputs>;

/**
 * The outputs in a stack's state.
 *
 * @throws Error if it is not a state, or if nothing was deployed yet.
 */
export function deployedOutputs(exported: unknown): DeployedOutputs {
	const stack = resourcesOf(exported).find(({ type }) => type === "pulumi:pulumi:Stack");
	const parsed = outputs.safeParse(stack?.outputs);
	if (!parsed.success) throw new Error("nothing was deployed yet; run pulumi up first");
	return parsed.data;
}

/**
 * The gateways of a stack, and the cluster's pod ranges.
 *
 * @param exported the state with plain secrets.
 * @throws Error if it is not such a state, or if no gateway has joined yet.
 */
export function deployedSite(exported: unknown): DeployedSite {
	const resources = resourcesOf(exported);
	const requests = resources
		.flatMap(({ urn, inputs, delete: leaving }) => {
			const command = commandOf(urn);
			if (command?.role !== "node" || leaving) return [];
			return [{ name: command.owner, request: request.parse(JSON.parse(plainText(inputs["stdin"]) ?? "null")) }];
		})
		.sort((a, b) => a.name.localeCompare(b.name));
	const etcdOf = (gateway: string) => {
		const survey = resources.find(({ type, urn }) => type === COMPONENTS.routeSurvey && partsOf(urn).name === gateway);
		const access = plainText(survey?.outputs["calicoEtcd"]);
		return access === undefined ? undefined : etcdAccess.parse(JSON.parse(access));
	};
	const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
	const declared = ranges.safeParse(stack?.outputs["ranges"]);
	const [first, ...others] = requests;
	if (!first || !declared.success) throw new Error("no gateway has joined yet; run pulumi up first");
	const podRanges = all(declared.data.pods.map((text) => parsePrefix(text)));
	if (!podRanges.ok) throw new Error(`the stack's outputs cannot be read: ${podRanges.problems.join("; ")}`);
	const gateway = ({ name, request: { cluster, node, machine } }: typeof first): DeployedGateway => ({
		name,
		node: node.name,
		target: machine,
		access: { kubeconfig: cluster.kubeconfig, context: cluster.context, calicoEtcd: etcdOf(name) },
	});
	return { gateways: [gateway(first), ...others.map(gateway)], podRanges: podRanges.value };
}

/** A text in the state, plain or marked as secret; undefined for any other value. */
function plainText(value: unknown): string | undefined {
	const secret = shownSecret.safeParse(value);
	const plain: unknown = secret.success ? JSON.parse(secret.data.plaintext) : value;
	return typeof plain === "string" ? plain : undefined;
}
