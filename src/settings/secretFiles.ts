import { readFileSync, statSync } from "node:fs";
import type { Result } from "../core/values/result.ts";
import { atHome } from "../core/values/secretText.ts";
import type { SecretSource } from "./model.ts";

/** The kind of a file's content. */
interface Kind {
	/** Whether users other than the owner may read the file. Default: false. */
	readonly open?: boolean;
	/** Checks the content. Default: any text is valid. */
	readonly parse?: (text: string) => Result<string>;
}

/** Reads the files that settings name, each once, and collects their problems. */
export class SecretFiles {
	/** A text for each file that cannot be read or has invalid content. */
	readonly problems: string[] = [];
	/** A text for each secret file that other users can read. */
	readonly warnings: string[] = [];
	readonly #contents = new Map<string, string>();

	/** The secret's text; "" if its file cannot be read. @param key the setting that names the file, for messages. */
	read(key: string, source: SecretSource, { open = false, parse }: Kind = {}): string {
		if ("contents" in source) return source.contents;
		const contents = this.#contents.get(source.file) ?? this.#load(key, source.file, open);
		this.#contents.set(source.file, contents);
		const parsed = contents === "" ? undefined : parse?.(contents);
		const found = parsed?.ok === false ? parsed.problems.map((problem) => `${key} ${source.file} ${problem}`) : [];
		// Several machines may name the same file.
		this.problems.push(...found.filter((problem) => !this.problems.includes(problem)));
		return contents;
	}

	#load(key: string, path: string, open: boolean): string {
		const file = atHome(path);
		try {
			if (!open && (statSync(file).mode & 0o077) !== 0) {
				this.warnings.push(`${key} ${path} is readable by other users than its owner; run: chmod 600 ${path}`);
			}
			return readFileSync(file, "utf8");
		} catch (error) {
			const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
			this.problems.push(`${key} ${path} cannot be read (${code}); correct the path, or let its owner run this`);
			return "";
		}
	}
}
