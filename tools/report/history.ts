import { z } from "zod";

/** A deployment of the stack, as Pulumi remembers it. */
export interface Deployment {
	/** `update`, `destroy` and so on. */
	readonly kind: string;
	/** `succeeded`, `failed` or `in-progress`. */
	readonly result: string;
	/** When it began. */
	readonly start: Date;
	/** How long it took; undefined where it never ended. */
	readonly seconds?: number;
	/** Who wrote the commit it was made from; undefined outside a repository. */
	readonly author?: string;
	/** The first 12 digits of that commit. */
	readonly commit?: string;
	/** Example: `2 create, 6 update`; empty where nothing changed. */
	readonly changes: string;
}

/** `pulumi stack history --json` (pkg/cmd/pulumi/stack/stack_history.go, updateInfoJSON). */
const history = z.array(
	z.object({
		kind: z.string(),
		startTime: z.string(),
		endTime: z.string().optional(),
		result: z.string().default("in-progress"),
		environment: z.record(z.string(), z.string()).default({}),
		resourceChanges: z.record(z.string(), z.number()).default({}),
	}),
);

/**
 * Reads what `pulumi stack history --json` printed.
 *
 * @throws Error when it is something else.
 */
export function parseHistory(json: unknown): readonly Deployment[] {
	const parsed = history.safeParse(json);
	if (!parsed.success) throw new Error("this is no history of a stack in JSON");
	return parsed.data.flatMap(({ kind, startTime, endTime, result, environment, resourceChanges }) => {
		const start = new Date(startTime);
		if (Number.isNaN(start.getTime())) return [];
		const seconds = endTime === undefined ? Number.NaN : (new Date(endTime).getTime() - start.getTime()) / 1000;
		const author = environment["git.author"];
		const commit = environment["git.head"];
		const changes = Object.entries(resourceChanges).filter(([what, number]) => what !== "same" && number > 0);
		return {
			...{ kind, result, start },
			...(Number.isFinite(seconds) && { seconds }),
			...(author && { author }),
			...(commit && { commit: commit.slice(0, 12) }),
			changes: changes.map(([what, number]) => `${number} ${what}`).join(", "),
		};
	});
}
