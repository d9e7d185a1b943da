import { shortened } from "./words.ts";

/** Characters of a value in the midst of a sentence. */
const LONGEST = 120;
/** Characters of a reason: an API server's may name every field, and end with what matters. */
const LONGEST_REASON = 1000;

/**
 * A value read from elsewhere, made safe to show: JSON with everything outside printable ASCII escaped, so that no control
 * character reaches a terminal. Of more than `longest` characters both ends are kept. Default: 120.
 */
export function printable(value: unknown, longest = LONGEST): string {
	const json = JSON.stringify(value) ?? String(value);
	const printable = json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
	return shortened(printable, longest);
}

/** The same for a reason that somebody else gives, which may be long. */
export function printableReason(value: unknown): string {
	return printable(value, LONGEST_REASON);
}
