import type { Client, ClientChannel } from "ssh2";
import { isObject, type Values } from "../protocol/values.ts";
import { commandKind, type Run } from "./command.ts";
import { withConnection } from "./connection.ts";
import { connectionOf } from "./connectionArgs.ts";
import { type Printed, text, type Work } from "./kind.ts";
import { Output, previousOutput } from "./output.ts";

const runRemotely: Run = (command, inputs, previous, work) =>
	withConnection(connectionOf(inputs["connection"]), work, (client) => run(client, command, inputs, previous, work));

/** `command:remote:Command`. */
export const remoteCommand = commandKind(["connection"], ["connection"], runRemotely);

async function run(client: Client, command: string, inputs: Values, previous: Printed, work: Work): Promise<Printed> {
	// Unlike the official plugin, ssh2 does not ask whether the server accepted a variable. A refused one is missing without an error.
	const env = { ...environment(inputs), ...previousOutput(inputs, previous) };
	const channel = await new Promise<ClientChannel>((resolve, reject) =>
		client.exec(command, { env }, (error, opened) => (error ? reject(error) : resolve(opened))),
	);
	const output = new Output(channel, channel.stderr, inputs["logging"], work.log);
	const [status, signal] = await new Promise<[number | null | undefined, string | undefined]>((resolve, reject) => {
		client.once("error", reject);
		channel.once("close", (code: number | null | undefined, name: string | undefined) => resolve([code, name]));
		channel.end(text(inputs["stdin"]) ?? "");
	});
	if (status === 0) return output.printed;
	throw output.failure(exitReason(status, signal), command);
}

function exitReason(status: number | null | undefined, signal: string | undefined): string {
	if (typeof status === "number") return `Process exited with status ${status}`;
	if (signal !== undefined) return `Process exited from signal ${signal.replace(/^SIG/, "")}`;
	return "wait: remote command exited without exit status or exit signal";
}

function environment(inputs: Values): Record<string, string> {
	const variables = inputs["environment"];
	if (!isObject(variables)) return {};
	return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, String(value)]));
}
