import { escapeUTF8 } from "entities";
import { plainText } from "./plainText.ts";

/** A text that is HTML, and is not escaped. */
export class Html {
	readonly text: string;
	constructor(text: string) {
		this.text = text;
	}
}

type Part = Html | string | number | readonly Html[];

/** A template of HTML. Escapes every part that is not {@link Html}. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
	const filled = strings.map((text, index) => text + rendered(parts[index] ?? ""));
	return new Html(filled.join(""));
}

function rendered(part: Part): string {
	if (part instanceof Html) return part.text;
	if (typeof part === "object") return part.map(({ text }) => text).join("");
	return escapeUTF8(plainText(String(part)));
}
