import { z } from "zod";
import { failure, type Result, success } from "../values/result.ts";
import { type DeploymentRecord, recordSchema } from "./deploymentRecord.ts";
import { lastLine } from "./outcome.ts";

/** The result of the host script's dry run on a server. */
export interface DryRun {
	/** `busy`: a transaction is under way there. `refused`: it is not as desired, and a person must mend it. */
	readonly result: "unchanged" | "would-change" | "refused" | "busy";
	/** The exact difference, a line per route or line of a file; empty if there is none. */
	readonly difference: readonly string[];
	/** When a check last found everything as desired; undefined if there was no such check since the server's start. */
	readonly inForceAt?: Date;
	/** The last deployment; undefined if there was none, or if its version did not write records. */
	readonly record?: DeploymentRecord;
}

const reply = z.object({
	result: z.enum(["unchanged", "would-change", "refused", "busy"]),
	inForceAt: z.union([z.literal(""), z.iso.datetime()]).default(""),
	record: recordSchema.nullable().default(null),
});

/** Reads the standard output of `pod-gateway-host apply --dry-run`: the difference, then a last line in JSON. */
export function parseDryRun(stdout: string): Result<DryRun> {
	const lines = stdout.trimEnd().split("\n");
	const { success: read, data } = reply.safeParse(lastLine(stdout));
	if (!read) return failure("the last line of the host script's output is not the expected JSON");
	const { result, inForceAt, record } = data;
	// The script also prints these indented lines, which are not part of the difference.
	const difference = lines.slice(0, -1).filter((line) => !line.startsWith("  nameserver by "));
	return success({
		result,
		difference,
		...(inForceAt && { inForceAt: new Date(inForceAt) }),
		...(record && { record }),
	});
}
