import { readFile } from "node:fs/promises";
import { parseAllDocuments } from "yaml";

/** The objects of a file in `manifests/`, with every `${name}` replaced by its value. A name without a value is an error. */
export async function manifest(file: string, values: Readonly<Record<string, string | number>>): Promise<object[]> {
	const text = await readFile(new URL(`manifests/${file}`, import.meta.url), "utf8");
	const filled = text.replaceAll(/\$\{([\w-]+)\}/g, (_, name: string) => {
		const value = values[name];
		if (value === undefined) throw new Error(`${file}: no value for \${${name}}`);
		return String(value);
	});
	return parseAllDocuments(filled).map((document) => document.toJS());
}
