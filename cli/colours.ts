import type { WriteStream } from "node:tty";
import pc from "picocolors";

/** Colours for this stream. They are off unless it is a terminal, which CI systems do not have, and if NO_COLOR is set. */
export function coloursFor(stream: Pick<WriteStream, "isTTY">) {
	return pc.createColors(stream.isTTY === true && process.env["NO_COLOR"] === undefined);
}
