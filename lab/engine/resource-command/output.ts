import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Value } from "../protocol/values.ts";
import type { Printed, Work } from "./kind.ts";

/** Collects what a command prints, and shows it line by line as `logging` says. */
export class Output {
	readonly #parts = { stdout: "", stderr: "" };
	#both = "";

	constructor(stdout: Readable, stderr: Readable, logging: Value | undefined, log: Work["log"]) {
		this.#collect("stdout", stdout, logging === "none" || logging === "stderr" ? undefined : log);
		this.#collect("stderr", stderr, logging === "none" || logging === "stdout" ? undefined : log);
	}

	get printed(): Printed {
		return { stdout: this.#parts.stdout.replace(/\n$/, ""), stderr: this.#parts.stderr.replace(/\n$/, "") };
	}

	/** The error of a command that failed: why, which command, and everything it printed, in order. */
	failure(reason: string, command: string): Error {
		return new Error(`${reason}: running ${JSON.stringify(command)}:\n${this.#both}`);
	}

	#collect(name: "stdout" | "stderr", stream: Readable, log: Work["log"] | undefined): void {
		const decoder = new StringDecoder("utf8");
		let line = "";
		const take = (text: string) => {
			this.#parts[name] += text;
			this.#both += text;
			const lines = (line + text).split("\n");
			line = lines.pop() ?? "";
			for (const whole of lines) log?.status(whole);
		};
		stream.on("data", (chunk: Buffer) => take(decoder.write(chunk)));
		stream.on("end", () => {
			take(decoder.end());
			if (line !== "") log?.status(line);
		});
	}
}

/** The variables with what the previous run printed, without empty ones. */
export function previousOutput(inputs: { readonly [key: string]: Value }, previous: Printed): Record<string, string> {
	if (inputs["addPreviousOutputInEnv"] === false) return {};
	return {
		...(previous.stdout === "" ? {} : { PULUMI_COMMAND_STDOUT: previous.stdout }),
		...(previous.stderr === "" ? {} : { PULUMI_COMMAND_STDERR: previous.stderr }),
	};
}
