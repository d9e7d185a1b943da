import * as pulumi from "@pulumi/pulumi";
import type { Result } from "../core/values/result.ts";

/**
 * An error for the person at the keyboard: its text is all there is to say.
 *
 * It has no stack: the SDK hides it for such errors anyway, and prints it for a trace first, over which Node 20 spends half a
 * minute and all its memory where a frame ends in `node_modules/@scope/file` (pulumi#21326).
 */
export function refusal(message: string): pulumi.RunError {
	const error = new pulumi.RunError(message);
	error.stack = message;
	return error;
}

/** A heading and its problems, numbered. */
export function listed(heading: string, problems: readonly string[]): string {
	return [`${heading}:`, ...problems.map((problem, index) => `  ${index + 1}. ${problem}`)].join("\n");
}

/** The value; where there is none, a refusal with every problem. */
export function valueOrRefusal<Value>(result: Result<Value>, heading: string): Value {
	if (!result.ok) throw refusal(listed(heading, result.problems));
	return result.value;
}
