import { text } from "node:stream/consumers";
import type { z } from "zod";
import { parseJson } from "../src/core/values/read.ts";

/**
 * Reads a tool's request: JSON on standard input, in the shape of the schema.
 *
 * @throws Error as {@link parseRequest}.
 */
export async function readRequest<T>(schema: z.ZodType<T>): Promise<T> {
	return parseRequest(schema, await text(process.stdin), "the request on standard input");
}

/**
 * A request: JSON in the shape of the schema.
 *
 * @param what names it in errors.
 * @throws Error naming what is wrong with it, and no value of it: keys and credentials may be in there.
 */
export function parseRequest<T>(schema: z.ZodType<T>, request: string, what: string): T {
	const read = parseJson(request);
	// The parser's own words quote the text.
	if (read === undefined) throw new Error(`${what} is not JSON`);
	const parsed = schema.safeParse(read);
	if (parsed.success) return parsed.data;
	const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join(".")}: ${message}`);
	throw new Error(`${what} is not valid:\n${problems.join("\n")}`);
}
