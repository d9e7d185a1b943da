/** Writes a line for people to standard error. Standard output is only for results. */
export function report(line: string): void {
	process.stderr.write(`${line}\n`);
}

/** Writes a line of progress to standard error, only if that is a terminal. */
export function reportToTerminal(line: string): void {
	if (process.stderr.isTTY) report(line);
}
