import { parse } from "yaml";

/** Reads foreign JSON; undefined if it is not JSON. */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** Reads foreign YAML; undefined if it is not YAML. */
export function parseYaml(text: string): unknown {
	try {
		return parse(text, { logLevel: "silent" });
	} catch {
		return undefined;
	}
}
