/**
 * The engine's address among a plugin's arguments: the first one that is neither a flag nor the value of `--tracing`, which is the only
 * flag whose value is an argument of its own. Undefined when no engine started the plugin.
 */
export function engineAddress(args: readonly string[]): string | undefined {
	return args.find((arg, i) => arg !== "" && !arg.startsWith("-") && !/^--?tracing$/.test(args[i - 1] ?? ""));
}
