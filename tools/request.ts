import { text } from "node:stream/consumers";
import type { z } from "zod";

/**
 * Reads a tool's request: JSON on standard input, in the shape of the schema.
 *
 * @throws Error naming what is wrong with it, and no value of it: keys and credentials are in there.
 */
export async function readRequest<T>(schema: z.ZodType<T>): Promise<T> {
	const parsed = schema.safeParse(json(await text(process.stdin)));
	if (parsed.success) return parsed.data;
	const problems = parsed.error.issues.map(({ path, message }) => `  ${path.join(".")}: ${message}`);
	throw new Error(`the request on standard input is not valid:\n${problems.join("\n")}`);
}

function json(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		// The parser's own words quote the text.
		throw new Error("the request on standard input is not JSON");
	}
}
