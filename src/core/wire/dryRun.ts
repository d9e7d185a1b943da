import { z } from "zod";
import { failure, type Result, success } from "../values/result.ts";
import { type DeploymentRecord, recordSchema } from "./deploymentRecord.ts";
import { lastLine } from "./outcome.ts";

/** What the host script's dry run says of a server. */
export interface DryRun {
	/** `busy`: a transaction is under way there. `refused`: it is not as desired, and cannot be made so without a person. */
	readonly result: "unchanged" | "would-change" | "refused" | "busy";
	/** The exact difference, a line per route or line of a file; empty where there is none. */
	readonly difference: readonly string[];
	/** When everything was last seen to be as desired; undefined where nobody looked since the server's start. */
	readonly inForceAt?: Date;
	/** The last deployment; undefined where there was none, or by a version that left no record. */
	readonly record?: DeploymentRecord;
}

const reply = z.object({
	result: z.enum(["unchanged", "would-change", "refused", "busy"]),
	inForceAt: z.union([z.literal(""), z.iso.datetime()]).default(""),
	record: recordSchema.nullable().default(null),
});

/** Reads the standard output of `pod-gateway-host apply --dry-run`: the difference, and a last line in JSON. */
export function parseDryRun(stdout: string): Result<DryRun> {
	const lines = stdout.trimEnd().split("\n");
	const { success: read, data } = reply.safeParse(lastLine(stdout));
	if (!read) return failure("the host script's last line is not the JSON it ends with");
	const { result, inForceAt, record } = data;
	// What is indented like this is said for completeness and is no difference.
	const difference = lines.slice(0, -1).filter((line) => !line.startsWith("  nameserver by "));
	return success({
		result,
		difference,
		...(inForceAt && { inForceAt: new Date(inForceAt) }),
		...(record && { record }),
	});
}
