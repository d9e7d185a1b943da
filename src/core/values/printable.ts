import { shortened } from "./words.ts";

/** The most characters of a value within a sentence. */
const LONGEST = 120;
/** The most characters of a reason. An API server's may list every field and end with what matters. */
const LONGEST_REASON = 1000;

/**
 * A foreign value, made safe to show: JSON with everything outside printable ASCII escaped, so that control characters do not
 * reach a terminal. A longer text than `longest` characters (default: 120) is cut in its middle.
 */
export function printable(value: unknown, longest = LONGEST): string {
	const json = JSON.stringify(value) ?? String(value);
	const printable = json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
	return shortened(printable, longest);
}

/** {@link printable} for a reason from another program, which may have 1000 characters. */
export function printableReason(value: unknown): string {
	return printable(value, LONGEST_REASON);
}
