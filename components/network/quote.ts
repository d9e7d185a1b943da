const LONGEST = 120;

/**
 * A value read from elsewhere, made safe to show: JSON with everything outside printable ASCII escaped, so that no control
 * character reaches a terminal, and cut at 120 characters.
 */
export function quote(value: unknown): string {
	const json = JSON.stringify(value) ?? String(value);
	const printable = json.replace(/[^ -~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
	return printable.length <= LONGEST ? printable : `${printable.slice(0, LONGEST)}…`;
}
