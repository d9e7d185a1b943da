import { stripVTControlCharacters } from "node:util";

/**
 * Text of a machine or a state, fit to be shown: without a terminal's escape sequences, and with `U+FFFD` for what would act on the
 * text around it or is no character: control characters (not tab and newline), reversals of its direction, half a surrogate pair.
 */
export function plainText(text: string): string {
	return stripVTControlCharacters(text)
		.replace(/\r\n?/g, "\n")
		.replace(/(?![\n\t])[\p{Cc}\p{Cs}\p{Bidi_Control}]/gu, "\uFFFD");
}
