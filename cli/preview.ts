import { z } from "zod";
import { reviewServer, type ServerReview } from "../src/core/wire/review.ts";
import { COMPONENTS, partsOf, serverOf } from "../src/stack/resources.ts";
import { alike } from "./alike.ts";

const inputs = z.object({ inputs: z.object({ stdin: z.string().optional() }).optional() });

/** The parts of `pulumi preview --json` that are used here (pkg/backend/display/json.go). */
const preview = z.object({
	steps: z
		.array(z.object({ op: z.string(), urn: z.string(), oldState: inputs.optional(), newState: inputs.optional() }))
		.default([]),
});

/** The review of a preview. */
export interface PreviewReview {
	/** The servers that change, in order of their names. */
	readonly servers: readonly ServerReview[];
	/** The number of servers that do not change. */
	readonly unchanged: number;
	/** Every other command that changes, such as a gateway's, as `OP NAME`. */
	readonly others: readonly string[];
}

/**
 * Reads the output of `pulumi preview --json`.
 *
 * @throws Error if it is something else.
 */
export function reviewOf(json: unknown): PreviewReview {
	const parsed = preview.safeParse(json);
	if (!parsed.success) throw new Error("not a preview: expected the output of `pulumi preview --json`");
	const states = new Map<string, { before?: string | undefined; after?: string | undefined }>();
	const others: string[] = [];
	let unchanged = 0;
	for (const { op, urn, oldState, newState } of parsed.data.steps) {
		const { types, name } = partsOf(urn);
		const [parent, type] = types.slice(-2);
		const server = serverOf(urn);
		if (server !== undefined) {
			if (op === "same") unchanged++;
			// The replacement of a machine consists of two or three steps.
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

/** The review as Markdown for a pull request. */
export function markdown(stack: string, { servers, unchanged, others }: PreviewReview): string {
	const heading = `### pod-gateway: ${stack}`;
	const rest =
		unchanged === 0 ? [] : [`- ${unchanged === 1 ? "1 server does not change" : `${unchanged} servers do not change`}`];
	if (servers.length === 0 && others.length === 0) return `${heading}\n\nNothing changes.\n`;
	return [
		heading,
		"",
		...servers.map(({ summary }) => `- ${summary}`),
		...rest,
		...(others.length > 0 ? ["", `Gateways: ${others.map((step) => `\`${step}\``).join(", ")}`] : []),
		// Most servers have the same change, which is shown once, because comments on pull requests have a limit.
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
