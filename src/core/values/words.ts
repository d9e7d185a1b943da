import { stripVTControlCharacters } from "node:util";

/** Characters of what a machine said, as it stands in an error: some screens. */
const LONGEST = 8000;

/** Characters that are looked at in any case. Of more than that the ends alone: what is said may be 64 MiB. */
const LOOKED_AT = 100_000;

/**
 * What another machine or program said, made fit for an error: no control characters but line ends, no blanks around it, and of
 * more than `longest` characters both ends. Whoever shows a foreign text does it by this function, or by `printable` in a sentence.
 */
export function words(text: string, longest = LONGEST): string {
	const looked = ends(text, Math.max(8 * longest, LOOKED_AT), text.includes("\n") ? "\n" : " ");
	return shortened(withoutControls(looked).trim(), longest, text.length);
}

/**
 * A text of at most `longest` characters, or its beginning and its end, which has two thirds: that is where most programs say why,
 * and some say it first.
 *
 * @param before how many characters it had before something else was taken off. Default: as it is.
 */
export function shortened(text: string, longest: number, before = text.length): string {
	if (text.length <= longest) return text;
	const left = before - longest;
	const between = text.includes("\n") ? `\n… ${left} characters are left out …\n` : ` … ${left} characters … `;
	return ends(text, longest, between);
}

/** Another machine's words, made safe for a terminal: line ends are the only control characters left. */
export function withoutControls(text: string): string {
	return stripVTControlCharacters(text).replace(/[^\n\P{C}]/gu, "");
}

function ends(text: string, longest: number, between: string): string {
	if (text.length <= longest) return text;
	const head = Math.floor(longest / 3);
	// Half of a character that takes two is none.
	const first = text.slice(0, head).replace(/[\ud800-\udbff]$/, "");
	const last = text.slice(head - longest).replace(/^[\udc00-\udfff]/, "");
	return `${first}${between}${last}`;
}
