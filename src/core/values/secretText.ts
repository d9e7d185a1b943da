import { homedir } from "node:os";
import { z } from "zod";

/**
 * A secret: the text itself, or the file that it is in. What a resource has of it is then no secret: only whoever uses it reads the
 * file, at that moment. A path that begins with `~/` is below the user's home; another relative one is below the project's folder.
 */
export type SecretText = string | { readonly file: string };

/** Reads a {@link SecretText} from JSON; older states have the text itself. */
export const secretTextSchema: z.ZodType<SecretText> = z.union([z.string(), z.object({ file: z.string() })]);

/** A path as the shell has it: `~/` is the user's home. */
export function atHome(path: string): string {
	return path.replace(/^~(?=\/)/, process.env["HOME"] || homedir());
}
