import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { z } from "zod";

/**
 * A secret: the text itself, or the file that it is in. What a resource has of it is then no secret: only whoever uses it reads the
 * file, at that moment. A path that begins with `~/` is below the user's home; another relative one is below the project's folder.
 */
export type SecretText = string | { readonly file: string };

/** Reads a {@link SecretText} from JSON; older states have the text itself. */
export const secretTextSchema: z.ZodType<SecretText> = z.union([z.string(), z.object({ file: z.string() })]);

/** The text itself. @param what names the secret in errors. @throws Error when its file cannot be read. */
export function revealSecret(secret: SecretText, what: string): string {
	if (typeof secret === "string") return secret;
	try {
		return readFileSync(atHome(secret.file), "utf8");
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
		throw new Error(`${what} ${secret.file} cannot be read (${code}); put it there, or let its owner run this`);
	}
}

/** A path as the shell has it: `~/` is the user's home. */
export function atHome(path: string): string {
	return path.replace(/^~(?=\/)/, process.env["HOME"] || homedir());
}
