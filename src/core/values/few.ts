/** How many texts of one kind are shown. */
const SHOWN = 8;

/** The first few texts, and how many more there are: another machine may give a hundred thousand reasons to warn. */
export function few(texts: readonly string[]): readonly string[] {
	const left = texts.length - SHOWN;
	return left > 0 ? [...texts.slice(0, SHOWN), `and ${left} more like this: ${texts.at(-1)}`] : texts;
}
