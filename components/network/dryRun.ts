import { z } from "zod";
import { failure, type Result, success } from "./result.ts";

/** What the host script's dry run says of a server. */
export interface DryRun {
	/** `busy`: a transaction is under way there. `refused`: it is not as desired, and cannot be made so without a person. */
	readonly result: "unchanged" | "would-change" | "refused" | "busy";
	/** The exact difference, a line per route or line of a file; empty where there is none. */
	readonly difference: readonly string[];
	/** When everything was last seen to be as desired; undefined where nobody looked since the server's start. */
	readonly inForceAt?: Date;
}

const lastLine = z.object({
	result: z.enum(["unchanged", "would-change", "refused", "busy"]),
	inForceAt: z.union([z.literal(""), z.iso.datetime()]).default(""),
});

/** Reads the standard output of `pod-gateway-host apply --dry-run`: the difference, and a last line in JSON. */
export function parseDryRun(stdout: string): Result<DryRun> {
	const lines = stdout.trimEnd().split("\n");
	const { success: read, data } = lastLine.safeParse(json(lines.at(-1) ?? ""));
	if (!read) return failure("the host script's last line is not the JSON it ends with");
	const { result, inForceAt } = data;
	// What is indented like this is said for completeness and is no difference.
	const difference = lines.slice(0, -1).filter((line) => !line.startsWith("  nameserver by "));
	return success({ result, difference, ...(inForceAt && { inForceAt: new Date(inForceAt) }) });
}

function json(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
