/**
 * The engine's address among a plugin's arguments: the first one that is neither a flag nor the value of `--tracing`, the one
 * flag that the engine passes with its value apart. Undefined when the plugin was not started by an engine.
 */
export function engineAddress(args: readonly string[]): string | undefined {
	return args.find((arg, i) => arg !== "" && !arg.startsWith("-") && !/^--?tracing$/.test(args[i - 1] ?? ""));
}
