import * as pulumi from "@pulumi/pulumi";
import type { Result } from "../core/values/result.ts";

/**
 * An error for the person who runs the program. Pulumi only shows its text.
 *
 * Its stack is replaced by the text: the SDK hides the stack of such errors, but formats it first. For a frame that ends in
 * `node_modules/@scope/file`, Node 20 then takes half a minute and all its memory (pulumi#21326).
 */
export function refusal(message: string): pulumi.RunError {
	const error = new pulumi.RunError(message);
	error.stack = message;
	return error;
}

/** A heading and numbered problems, a line each. */
export function listed(heading: string, problems: readonly string[]): string {
	return [`${heading}:`, ...problems.map((problem, index) => `  ${index + 1}. ${problem}`)].join("\n");
}

/** The value of a good result. @throws pulumi.RunError with every problem of a bad one. */
export function valueOrRefusal<Value>(result: Result<Value>, heading: string): Value {
	if (!result.ok) throw refusal(listed(heading, result.problems));
	return result.value;
}
