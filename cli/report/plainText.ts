import { stripVTControlCharacters } from "node:util";

/**
 * A foreign text, made safe to show. Removes a terminal's escape sequences. Replaces other unsafe characters with `U+FFFD`:
 * control characters except tab and newline, characters that change the text's direction, and half surrogate pairs.
 */
export function plainText(text: string): string {
	return stripVTControlCharacters(text)
		.replace(/\r\n?/g, "\n")
		.replace(/(?![\n\t])[\p{Cc}\p{Cs}\p{Bidi_Control}]/gu, "\uFFFD");
}
