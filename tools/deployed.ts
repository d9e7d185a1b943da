import { z } from "zod";
import { type SshTarget, sshTargetSchema } from "../components/remote/sshTarget.ts";

/** A server as the last deployment left it. */
export interface DeployedServer {
	readonly name: string;
	readonly target: SshTarget;
	/** The desired state, as the host script read it. */
	readonly desired: string;
	/** The resources that bring it there, for `pulumi up --target-replace`. */
	readonly urns: readonly string[];
}

/** How the engine marks a secret that it shows all the same (sdk/go/common/resource/properties.go). */
const SECRET = "4dabf18193072939515e22adb298388d";
const shownSecret = z.object({ [SECRET]: z.string(), plaintext: z.string() });

const state = z.object({
	deployment: z.object({
		resources: z
			.array(z.object({ urn: z.string(), type: z.string(), inputs: z.record(z.string(), z.unknown()).default({}) }))
			.default([]),
	}),
});

/**
 * The servers of a stack, in order of their names, out of its state with secrets shown (`pulumi stack export --show-secrets`).
 *
 * @throws Error when it is no such state.
 */
export function deployedServers(exported: unknown): readonly DeployedServer[] {
	const parsed = state.safeParse(exported);
	if (!parsed.success) throw new Error("this is no state of a stack");
	const { resources } = parsed.data.deployment;
	const ofServer = new Map(
		resources
			.filter(({ urn }) => urn.includes("pod-gateway:index:PhysicalServer$command:"))
			.map((resource) => [resource.urn.split("::").at(-1) ?? "", resource]),
	);
	const stdin = (name: string) => shown(ofServer.get(name)?.inputs["stdin"]);
	const names = [...ofServer.keys()].flatMap((name) => /^(.*)-network$/.exec(name)?.[1] ?? []);
	return names.sort().map((name) => {
		const desired = stdin(`${name}-network`);
		const target = sshTargetSchema.safeParse(JSON.parse(stdin(`${name}-restore`) ?? "null"));
		if (desired === undefined || !target.success) {
			throw new Error(`the state of server ${name} is not as this version writes it; run pulumi up first`);
		}
		const urns = [`${name}-script`, `${name}-network`].flatMap((resource) => ofServer.get(resource)?.urn ?? []);
		return { name, target: target.data, desired, urns };
	});
}

/** A text of the state, whether it is a secret or not. */
function shown(value: unknown): string | undefined {
	const secret = shownSecret.safeParse(value);
	const plain: unknown = secret.success ? JSON.parse(secret.data.plaintext) : value;
	return typeof plain === "string" ? plain : undefined;
}
