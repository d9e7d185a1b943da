/** The most texts of one kind in a message. */
const MOST = 8;

/** The first 8 texts and the number of the others, because another machine may cause a hundred thousand warnings. */
export function few(texts: readonly string[]): readonly string[] {
	const left = texts.length - MOST;
	return left > 0 ? [...texts.slice(0, MOST), `and ${left} more like this: ${texts.at(-1)}`] : texts;
}
