import type { WriteStream } from "node:tty";
import pc from "picocolors";

/** Colours for what goes to this stream: only on a terminal, and not where NO_COLOR is set. CI systems have no terminal. */
export function coloursFor(stream: Pick<WriteStream, "isTTY">) {
	return pc.createColors(stream.isTTY === true && process.env["NO_COLOR"] === undefined);
}
