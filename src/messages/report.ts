/** Writes a line for people on standard error: standard output is for the answer alone. */
export function report(line: string): void {
	process.stderr.write(`${line}\n`);
}

/** The same for what is being waited for: only a person at a terminal wants to know. */
export function reportToTerminal(line: string): void {
	if (process.stderr.isTTY) report(line);
}
