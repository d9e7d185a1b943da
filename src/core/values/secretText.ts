import { homedir } from "node:os";
import { z } from "zod";

/**
 * A secret: its text, or the file that holds it. With a file, resources only have its path, and the code that uses the secret
 * reads the file at that moment. A path with `~/` is below the user's home; other relative paths are below the project's
 * folder.
 */
export type SecretText = string | { readonly file: string };

/** Reads a {@link SecretText} from JSON. */
export const secretTextSchema: z.ZodType<SecretText> = z.union([z.string(), z.object({ file: z.string() })]);

/** The path with `~/` replaced by the user's home, as a shell does. */
export function atHome(path: string): string {
	return path.replace(/^~(?=\/)/, process.env["HOME"] || homedir());
}
