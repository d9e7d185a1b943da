import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "../..", "host");

/** A script of `host/`, which runs on other machines. */
export interface HostScript {
	/** Its name in the folder. */
	name: string;
	/** Absolute path of the file in the checkout. */
	path: string;
	text: string;
	/** The first 12 hex digits of the text's SHA-256. Paths of the script on other machines contain it. */
	version: string;
}

/** Reads `host/NAME`. */
export function hostScript(name: string): HostScript {
	const path = join(folder, name);
	const text = readFileSync(path, "utf8");
	return { name, path, text, version: createHash("sha256").update(text).digest("hex").slice(0, 12) };
}

/** Quotes one word for a POSIX shell. No character is special within single quotes (XCU 2.2.2). */
export function shellWord(word: string): string {
	return `'${word.replaceAll("'", `'\\''`)}'`;
}
