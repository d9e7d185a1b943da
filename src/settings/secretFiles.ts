import { readFileSync, statSync } from "node:fs";
import type { Result } from "../core/values/result.ts";
import { atHome } from "../core/values/secretText.ts";
import type { SecretSource } from "./model.ts";

/** What is in a file, beside a secret of any form. */
interface Kind {
	/** Whether others than the owner may read it. Default: no. */
	readonly open?: boolean;
	/** Says what is wrong with it. */
	readonly parse?: (text: string) => Result<string>;
}

/** Reads the files that settings name, each once, and collects what is wrong with them. */
export class SecretFiles {
	/** Files that could not be read. */
	readonly problems: string[] = [];
	/** Files that others can read too. */
	readonly warnings: string[] = [];
	readonly #contents = new Map<string, string>();

	/** The secret itself; empty when there is a problem. @param key the setting that names the file, for messages. */
	read(key: string, source: SecretSource, { open = false, parse }: Kind = {}): string {
		if ("contents" in source) return source.contents;
		const contents = this.#contents.get(source.file) ?? this.#load(key, source.file, open);
		this.#contents.set(source.file, contents);
		const parsed = contents === "" ? undefined : parse?.(contents);
		const found = parsed?.ok === false ? parsed.problems.map((problem) => `${key} ${source.file} ${problem}`) : [];
		// Every machine names the file anew.
		this.problems.push(...found.filter((problem) => !this.problems.includes(problem)));
		return contents;
	}

	#load(key: string, path: string, open: boolean): string {
		const file = atHome(path);
		try {
			if (!open && (statSync(file).mode & 0o077) !== 0) {
				this.warnings.push(`${key} ${path} is open to others than its owner; run: chmod 600 ${path}`);
			}
			return readFileSync(file, "utf8");
		} catch (error) {
			const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
			this.problems.push(`${key} ${path} cannot be read (${code}); correct the path, or let its owner run this`);
			return "";
		}
	}
}
