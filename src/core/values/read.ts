import { parse } from "yaml";

/** Reads JSON that somebody else wrote; undefined where it is not JSON. */
export function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}

/** Reads YAML that somebody else wrote; undefined where it is not YAML. */
export function parseYaml(text: string): unknown {
	try {
		return parse(text, { logLevel: "silent" });
	} catch {
		return undefined;
	}
}
