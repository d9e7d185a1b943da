import { z } from "zod";

/** A deployment of the stack, as Pulumi remembers it. */
export interface Deployment {
	/** Counted by Pulumi; undefined where it does not count, as with a state in files. */
	readonly version?: number;
	/** `update`, `destroy` and so on. */
	readonly kind: string;
	/** `succeeded`, `failed` or `in-progress`. */
	readonly result: string;
	/** When it began. */
	readonly start: Date;
	/** How long it took; undefined where it never ended. */
	readonly seconds?: number;
	/** Who wrote the commit it was made from, and who committed it where that is another; undefined outside a repository. */
	readonly author?: string;
	/** The first 12 digits of that commit. */
	readonly commit?: string;
	/** Example: `2 create, 6 update`; empty where nothing changed. */
	readonly changes: string;
}

/** `pulumi stack history --json` (pkg/cmd/pulumi/stack/stack_history.go, updateInfoJSON). A missing map is null there. */
const updateSchema = z.object({
	version: z.number().nullish(),
	kind: z.string(),
	startTime: z.string(),
	endTime: z.string().nullish(),
	result: z.string().default("in-progress"),
	environment: z.record(z.string(), z.string()).nullish(),
	resourceChanges: z.record(z.string(), z.number()).nullish(),
});

/**
 * Reads what `pulumi stack history --json` printed. An entry that makes no sense is left out: the others are history all the same.
 *
 * @throws Error when it is something else.
 */
export function parseHistory(json: unknown): readonly Deployment[] {
	const entries = z.array(z.unknown()).safeParse(json);
	if (!entries.success) throw new Error("this is no history of a stack in JSON");
	return entries.data.flatMap((entry) => {
		const { data } = updateSchema.safeParse(entry);
		const start = new Date(data?.startTime ?? Number.NaN);
		return data && !Number.isNaN(start.getTime()) ? deployment(data, start) : [];
	});
}

function deployment(update: z.infer<typeof updateSchema>, start: Date): Deployment {
	const { version, kind, result, environment, endTime, resourceChanges } = update;
	const seconds = (new Date(endTime ?? Number.NaN).getTime() - start.getTime()) / 1000;
	const names = [environment?.["git.author"], environment?.["git.committer"]].filter(Boolean);
	const author = [...new Set(names)].join(", committed by ");
	const commit = environment?.["git.head"];
	const changes = Object.entries(resourceChanges ?? {}).filter(([what, number]) => what !== "same" && number > 0);
	return {
		...(version && { version }),
		...{ kind, result, start },
		...(Number.isFinite(seconds) && { seconds }),
		...(author && { author }),
		...(commit && { commit: commit.slice(0, 12) }),
		changes: changes.map(([what, number]) => `${number} ${what}`).join(", "),
	};
}
