import type { Values } from "../protocol/values.ts";
import { type Kind, type Printed, text, type Work } from "./kind.ts";

/** Runs one command with a resource's inputs; `previous` is what the last run printed. */
export type Run = (command: string, inputs: Values, previous: Printed, work: Work) => Promise<Printed>;

const nothing: Printed = { stdout: "", stderr: "" };

/** The inputs that a local and a remote command share. */
export const commandInputs = [
	"create",
	"update",
	"delete",
	"triggers",
	"stdin",
	"logging",
	"environment",
	"addPreviousOutputInEnv",
] as const;

/** A command resource, local or remote: says when which of its commands runs. */
export function commandKind(inputs: readonly string[], required: readonly string[], run: Run): Kind<Printed> {
	return {
		inputs: new Set([...commandInputs, ...inputs]),
		required,
		outputs: ["stdout", "stderr"],
		idPrefix: (name) => name,
		async create(news, work) {
			const command = text(news["create"]);
			return command === undefined ? nothing : run(command, news, nothing, work);
		},
		async update(olds, news, work) {
			const command = text(news["update"]) ?? text(news["create"]);
			return command === undefined ? printedBefore(olds) : run(command, news, printedBefore(olds), work);
		},
		async delete(state, work) {
			const command = text(state["delete"]);
			if (command !== undefined) await run(command, state, printedBefore(state), work);
		},
	};
}

function printedBefore(state: Values): Printed {
	return { stdout: text(state["stdout"]) ?? "", stderr: text(state["stderr"]) ?? "" };
}
