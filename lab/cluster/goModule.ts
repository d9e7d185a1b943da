import { readFile } from "node:fs/promises";

/** The exact versions that one `go.mod` file requires, by module path. `replace` directives do not count. */
export type ModuleVersions = ReadonlyMap<string, string>;

/** Reads the `require` directives, single or in blocks, of a `go.mod` file's text. */
export function parseRequires(text: string): ModuleVersions {
	const versions = new Map<string, string>();
	for (const [, path, version] of text.matchAll(
		/^(?:require[ \t]+|[ \t]+)([^\s()]+)[ \t]+(v[^\s]+)[ \t]*(?:\/\/.*)?$/gm,
	))
		if (path && version) versions.set(path, version);
	return versions;
}

/** The version of a required module, with its leading `v`. Throws when the file does not require it. */
export async function requiredVersion(goMod: URL, modulePath: string): Promise<string> {
	const version = parseRequires(await readFile(goMod, "utf8")).get(modulePath);
	if (!version) throw new Error(`${goMod.pathname} does not require ${modulePath}; run "go mod tidy" in that folder.`);
	return version;
}
