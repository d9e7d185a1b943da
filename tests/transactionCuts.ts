import { readFileSync } from "node:fs";
import { join } from "node:path";

export const script = join(import.meta.dirname, "..", "components", "host", "server-network.sh");

/** A place between two steps of the host script's transaction. */
export interface Cut {
	/** Index of the line that comes next. */
	readonly line: number;
	/** That line, for a test's title. */
	readonly step: string;
}

/**
 * Every place between two steps of `apply`, from before the snapshot until after the commit. A step is a line of the function's
 * own level that is no part of a command begun before it; a new step of the script is a new cut.
 */
export function cuts(): readonly Cut[] {
	const lines = readFileSync(script, "utf8").split("\n");
	const begin = lines.indexOf("apply() {");
	const first = lines.findIndex((text, line) => line > begin && text.startsWith("\tsnapshot "));
	const end = lines.indexOf("}", first);
	const found = lines.flatMap((text, line) => {
		const previous = lines[line - 1] ?? "";
		const isStep = /^\t[^\t}]/.test(text) && !/^\t(fi|esac|done|else|strict\)|warn\))/.test(text);
		const goesOn = /(\\|\|\||&&|\|)$/.test(previous);
		return line >= first && line < end && isStep && !goesOn ? [{ line, step: text.trim() }] : [];
	});
	if (begin < 0 || first < 0 || found.length < 10) throw new Error("apply() of the host script is not as expected");
	return found;
}

/** The script with a shell command before one of its steps. */
export function scriptWith(command: string, { line }: Cut): string {
	return readFileSync(script, "utf8").split("\n").toSpliced(line, 0, `\t${command}`).join("\n");
}
