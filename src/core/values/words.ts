import { stripVTControlCharacters } from "node:util";

/** The most characters of another machine's output in an error: a few screens. */
const LONGEST = 8000;

/** Texts up to this length are processed whole. Of longer ones only the ends are, because an output may have 64 MiB. */
const LOOKED_AT = 100_000;

/**
 * The output of another machine or program, made fit for an error: without control characters except line ends, without
 * surrounding blanks, and cut in its middle if it has more than `longest` characters. Use this function for every foreign text
 * of its own, and `printable` for a foreign value within a sentence.
 */
export function words(text: string, longest = LONGEST): string {
	const looked = ends(text, Math.max(8 * longest, LOOKED_AT), text.includes("\n") ? "\n" : " ");
	return shortened(withoutControls(looked).trim(), longest, text.length);
}

/**
 * The text, cut in its middle if it has more than `longest` characters. The end gets two thirds, because most programs give their
 * reason last; the beginning gets one third, because some give it first.
 *
 * @param before its length before something else was removed, for the count of characters left out. Default: its length.
 */
export function shortened(text: string, longest: number, before = text.length): string {
	if (text.length <= longest) return text;
	const left = before - longest;
	const between = text.includes("\n") ? `\n… ${left} characters are left out …\n` : ` … ${left} characters … `;
	return ends(text, longest, between);
}

/** A foreign text, made safe for a terminal: its only control characters are line ends. */
export function withoutControls(text: string): string {
	return stripVTControlCharacters(text).replace(/[^\n\P{C}]/gu, "");
}

function ends(text: string, longest: number, between: string): string {
	if (text.length <= longest) return text;
	const head = Math.floor(longest / 3);
	// Does not keep one half of a surrogate pair.
	const first = text.slice(0, head).replace(/[\ud800-\udbff]$/, "");
	const last = text.slice(head - longest).replace(/^[\udc00-\udfff]/, "");
	return `${first}${between}${last}`;
}
