import { z } from "zod";
import { reviewServer, type ServerReview } from "../src/core/wire/review.ts";
import { COMPONENTS, partsOf, serverOf } from "../src/stack/resources.ts";
import { alike } from "./alike.ts";

const inputs = z.object({ inputs: z.object({ stdin: z.string().optional() }).optional() });

/** `pulumi preview --json`, as far as it is read here (pkg/backend/display/json.go). */
const preview = z.object({
	steps: z
		.array(z.object({ op: z.string(), urn: z.string(), oldState: inputs.optional(), newState: inputs.optional() }))
		.default([]),
});

/** What a preview comes to. */
export interface PreviewReview {
	/** The servers that change, in order of their names. */
	readonly servers: readonly ServerReview[];
	/** How many servers stay as they are. */
	readonly unchanged: number;
	/** Every other resource that changes, as `OP NAME`: of gateways and the like. */
	readonly others: readonly string[];
}

/**
 * Reads what `pulumi preview --json` printed.
 *
 * @throws Error when it is something else.
 */
export function reviewOf(json: unknown): PreviewReview {
	const parsed = preview.safeParse(json);
	if (!parsed.success) throw new Error("this is no preview in JSON");
	const states = new Map<string, { before?: string | undefined; after?: string | undefined }>();
	const others: string[] = [];
	let unchanged = 0;
	for (const { op, urn, oldState, newState } of parsed.data.steps) {
		const { types, name } = partsOf(urn);
		const [parent, type] = types.slice(-2);
		const server = serverOf(urn);
		if (server !== undefined) {
			if (op === "same") unchanged++;
			// One machine for another comes as two or three steps.
			else states.set(server, { ...states.get(server), ...changed(op, oldState, newState) });
		} else if (op !== "same" && op !== "read" && parent !== COMPONENTS.physicalServer && type?.startsWith("command:")) {
			others.push(`${op} ${name}`);
		}
	}
	const names = [...states.keys()].sort();
	return {
		servers: names.map((name) => reviewServer(name, states.get(name)?.before, states.get(name)?.after)),
		unchanged,
		others,
	};
}

type State = z.infer<typeof inputs> | undefined;

function changed(op: string, oldState: State, newState: State) {
	const before = oldState?.inputs?.stdin;
	const after = newState?.inputs?.stdin;
	if (op.startsWith("create")) return { after };
	if (op.startsWith("delete")) return { before };
	return { before, after };
}

/** The review as Markdown that fits a pull request. */
export function markdown(stack: string, { servers, unchanged, others }: PreviewReview): string {
	const heading = `### pod-gateway: ${stack}`;
	const rest =
		unchanged === 0
			? []
			: [`- ${unchanged === 1 ? "1 server stays as it is" : `${unchanged} servers stay as they are`}`];
	if (servers.length === 0 && others.length === 0) return `${heading}\n\nNothing changes.\n`;
	return [
		heading,
		"",
		...servers.map(({ summary }) => `- ${summary}`),
		...rest,
		...(others.length > 0 ? ["", `Gateways: ${others.map((step) => `\`${step}\``).join(", ")}`] : []),
		// Most servers have the same change, and a comment on a pull request has a limit.
		...alike(servers, ({ lines }) => lines.join("\n")).flatMap((group) => [
			"",
			`<details><summary>${group.map(({ server }) => server).join(", ")}</summary>`,
			"",
			"```diff",
			...(group[0]?.lines ?? []),
			"```",
			"",
			"</details>",
		]),
		"",
	].join("\n");
}
