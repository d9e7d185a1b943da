import { text } from "node:stream/consumers";
import type { z } from "zod";
import { parseJson } from "../src/core/values/read.ts";

/**
 * Reads a tool's request: JSON on standard input that fits the schema.
 *
 * @throws Error as {@link parseRequest}.
 */
export async function readRequest<T>(schema: z.ZodType<T>): Promise<T> {
	return parseRequest(schema, await text(process.stdin), "the request on standard input");
}

/**
 * Parses a request: JSON that fits the schema.
 *
 * @param what the request's name in errors.
 * @throws Error that names every problem, but does not quote values, because they may be secret.
 */
export function parseRequest<T>(schema: z.ZodType<T>, request: string, what: string): T {
	const read = parseJson(request);
	// The parser's message quotes the request, which may be secret, so it is left out.
	if (read === undefined) throw new Error(`${what} is not JSON`);
	const parsed = schema.safeParse(read);
	if (parsed.success) return parsed.data;
	const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join(".")}: ${message}`);
	throw new Error(`${what} is not valid:\n${problems.join("\n")}`);
}
