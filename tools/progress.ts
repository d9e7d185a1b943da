/** Says what is being waited for, to a person: a log has no use for it. */
export function tell(line: string): void {
	if (process.stderr.isTTY) process.stderr.write(`${line}\n`);
}
