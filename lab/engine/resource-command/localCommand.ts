import { spawn } from "node:child_process";
import { once } from "node:events";
import { isList, isObject, type Values } from "../protocol/values.ts";
import { commandKind, type Run } from "./command.ts";
import { type Printed, text, type Work } from "./kind.ts";
import { Output, previousOutput } from "./output.ts";

/** The inputs that only a local command has: where and how it runs. */
export const localInputs = ["interpreter", "dir"] as const;

const runLocally: Run = async (command, inputs, previous, work) => {
	const interpreter = isList(inputs["interpreter"]) ? inputs["interpreter"].map(String) : [];
	const [file = "/bin/sh", ...args] = interpreter.length > 0 ? interpreter : ["/bin/sh", "-c"];
	const stdin = text(inputs["stdin"]) ?? "";
	const child = spawn(file, [...args, command], {
		cwd: text(inputs["dir"]) ?? process.cwd(),
		env: { ...process.env, ...environment(inputs), ...previousOutput(inputs, previous) },
		stdio: [stdin === "" ? "ignore" : "pipe", "pipe", "pipe"],
		signal: work.signal,
		killSignal: "SIGKILL",
	});
	if (!child.stdout || !child.stderr) throw new Error(`cannot read what ${JSON.stringify(command)} prints`);
	const output = new Output(child.stdout, child.stderr, inputs["logging"], work.log);
	// Only the exit status counts if a command ends without reading all of its input.
	child.stdin?.on("error", () => {});
	child.stdin?.end(stdin);
	try {
		const [status, signal] = (await once(child, "close")) as [number | null, string | null];
		if (status === 0) return output.printed;
		throw output.failure(signal === null ? `exit status ${status}` : `signal: ${signal}`, command);
	} catch (error) {
		if (error instanceof Error && "syscall" in error) throw output.failure(error.message, command);
		throw error;
	}
};

/** `command:local:Command`. */
export const localCommand = commandKind(localInputs, [], runLocally);

/** `command:local:run`: a command that runs at every call, also in previews. */
export async function localRun(args: Values, work: Work): Promise<Printed> {
	const command = text(args["command"]);
	if (command === undefined) throw new Error("command:local:run needs `command`, the command to run");
	return runLocally(command, args, { stdout: "", stderr: "" }, work);
}

function environment(inputs: Values): Record<string, string> {
	const variables = inputs["environment"];
	if (!isObject(variables)) return {};
	return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));
}
