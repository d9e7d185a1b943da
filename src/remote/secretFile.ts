import { readFileSync } from "node:fs";
import { atHome, type SecretText } from "../core/values/secretText.ts";

/** Reads the secret's text. @param what the name of the secret in errors. @throws Error if its file cannot be read. */
export function revealSecret(secret: SecretText, what: string): string {
	if (typeof secret === "string") return secret;
	try {
		return readFileSync(atHome(secret.file), "utf8");
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
		throw new Error(`${what} ${secret.file} cannot be read (${code}); put it there, or let its owner run this`);
	}
}
