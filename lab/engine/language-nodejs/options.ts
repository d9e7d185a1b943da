/** The runtime options in a Pulumi.yaml of a Node.js program. */
export interface RuntimeOptions {
	/** Whether the SDK compiles TypeScript. Default: true. */
	readonly typescript: boolean;
	/** The tsconfig.json for that. Default: the SDK's. */
	readonly tsconfig?: string;
	/** Arguments for node, before the program's. Default: none. */
	readonly nodeargs: readonly string[];
}

/**
 * Reads the `runtime.options` of a Pulumi.yaml.
 * @throws Error when an option has the wrong type.
 */
export function parseOptions(options: Readonly<Record<string, unknown>>): RuntimeOptions {
	const { typescript = true, tsconfig, nodeargs = "" } = options;
	if (typeof typescript !== "boolean") throw new Error("typescript option must be a boolean");
	if (tsconfig !== undefined && typeof tsconfig !== "string") throw new Error("tsconfig option must be a string");
	if (typeof nodeargs !== "string") throw new Error("nodeargs option must be a string");
	return { typescript, nodeargs: words(nodeargs), ...(tsconfig === undefined ? {} : { tsconfig }) };
}

/** Splits a line into words as a shell does, with and without quotes. Expands nothing. */
function words(line: string): string[] {
	const found = line.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g);
	return [...found].map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
}
