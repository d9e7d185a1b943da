import { z } from "zod";

/** A deployment of the stack in Pulumi's history. */
export interface Deployment {
	/** Pulumi's number for it; undefined if the back end does not count, as with a state in files. */
	readonly version?: number;
	/** `update`, `destroy` and so on. */
	readonly kind: string;
	/** `succeeded`, `failed` or `in-progress`. */
	readonly result: string;
	/** When it began. */
	readonly start: Date;
	/** How long it took; undefined if it did not end. */
	readonly seconds?: number;
	/** The author of its commit, and the committer if that is another person; undefined outside a repository. */
	readonly author?: string;
	/** The first 12 digits of that commit. */
	readonly commit?: string;
	/** Example: `2 create, 6 update`; empty if nothing changed. */
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
 * Reads the output of `pulumi stack history --json`. Leaves out unreadable entries.
 *
 * @throws Error if it is something else.
 */
export function parseHistory(json: unknown): readonly Deployment[] {
	const entries = z.array(z.unknown()).safeParse(json);
	if (!entries.success) throw new Error("not a history: expected the output of `pulumi stack history --json`");
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
		kind,
		result,
		start,
		...(Number.isFinite(seconds) && { seconds }),
		...(author && { author }),
		...(commit && { commit: commit.slice(0, 12) }),
		changes: changes.map(([what, number]) => `${number} ${what}`).join(", "),
	};
}
