import { readFileSync } from "node:fs";
import { join } from "node:path";

export const script = join(import.meta.dirname, "..", "host", "server-network.sh");

/** A place between two steps of the host script's transaction. */
export interface Cut {
	/** The index of the line after the cut. */
	readonly line: number;
	/** That line, for messages. */
	readonly step: string;
}

/** The functions of the host script whose lines are the steps of a deployment, and those for a removal. */
const deployment = ["snapshot", "arm", "apply", "tell_owner", "finish"];
const removal = ["snapshot", "take_back", "release_owner", "remove_recovery", "finish"];

/** Every place between two steps of `apply`, from before the snapshot to after the commit. */
export function cuts(): readonly Cut[] {
	return deployment.flatMap(stepsOf).toSorted((a, b) => a.line - b.line);
}

/** The same for `restore`. */
export function removalCuts(): readonly Cut[] {
	return removal.flatMap(stepsOf).toSorted((a, b) => a.line - b.line);
}

/**
 * The steps of a function: its lines at the outermost level that begin a command. So a new step of the script becomes a new cut. For
 * `apply`, which first reads and refuses, these are the lines from the snapshot on.
 */
function stepsOf(name: string): readonly Cut[] {
	const lines = readFileSync(script, "utf8").split("\n");
	const begin = lines.indexOf(`${name}() {`);
	const first =
		name === "apply" ? lines.findIndex((text, line) => line > begin && text.startsWith("\tsnapshot ")) : begin + 1;
	const end = lines.indexOf("}", first);
	const found = lines.flatMap((text, line) => {
		const previous = lines[line - 1] ?? "";
		const isStep = /^\t[^\t}#]/.test(text) && !/^\t(fi\b|esac|done|else|strict\)|warn\))/.test(text);
		const goesOn = /(\\|\|\||&&|\|)$/.test(previous);
		return line >= first && line < end && isStep && !goesOn ? [{ line, step: text.trim() }] : [];
	});
	if (begin < 0 || first < 0 || found.length < 2) throw new Error(`${name}() of the host script is not as expected`);
	return found;
}

/** The place where a function begins. */
export function beginOf(name: string): Cut {
	const begin = readFileSync(script, "utf8").split("\n").indexOf(`${name}() {`);
	if (begin < 0) throw new Error(`the host script has no function ${name}`);
	return { line: begin + 1, step: `${name}()` };
}

/** The script with a shell command before one of its steps. */
export function scriptWith(command: string, { line }: Cut): string {
	return readFileSync(script, "utf8").split("\n").toSpliced(line, 0, `\t${command}`).join("\n");
}
