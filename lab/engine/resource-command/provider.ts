import { randomBytes } from "node:crypto";
import { changes } from "../protocol/diff.ts";
import { logOf } from "../protocol/log.ts";
import type { Failure, Provider, Resource } from "../protocol/provider.ts";
import { hasUnknown, revealAll, unknown, type Values } from "../protocol/values.ts";
import { checkConnection } from "./connectionArgs.ts";
import { copyToRemote } from "./copyToRemote.ts";
import type { Kind, Work } from "./kind.ts";
import { localCommand, localRun } from "./localCommand.ts";
import { remoteCommand } from "./remoteCommand.ts";

const kinds: Readonly<Record<string, Kind>> = {
	"command:local:Command": localCommand,
	"command:remote:Command": remoteCommand,
	"command:remote:CopyToRemote": copyToRemote,
};

const cancelled = new AbortController();

/**
 * Replaces pulumi-command 1.2.1 where it cannot be downloaded: the same resources with the same lifecycle
 * (github.com/pulumi/pulumi-command, `provider/pkg/provider`), as far as this project uses them.
 */
export const commandProvider: Provider = {
	version: "1.2.1",
	configure() {},
	diffSettings: () => ({ changes: [], replaces: [] }),

	async check(resource, _olds, news) {
		const kind = kindOf(resource);
		const inputs = Object.fromEntries(Object.entries(news).filter(([key]) => !isEnginesOwn(key)));
		const failures: Failure[] = [
			...kind.required
				.filter((key) => inputs[key] == null)
				.map((property) => ({ property, reason: `missing: ${resource.type} needs it` })),
			...Object.keys(inputs)
				.filter((key) => !kind.inputs.has(key))
				.map((property) => ({ property, reason: `the lab's stand-in for ${resource.type} does not know this input` })),
		];
		const connection = inputs["connection"];
		if (connection == null) return { inputs, failures };
		const checked = checkConnection(connection);
		return { inputs: { ...inputs, connection: checked.value }, failures: [...failures, ...checked.failures] };
	},

	async diff(_resource, oldInputs, _state, news) {
		const all = changes(oldInputs, news);
		const replaces = all.map((change) => change.path).filter((path) => /^triggers\b/.test(path));
		return { changes: all, replaces };
	},

	async create(resource, inputs, preview) {
		const kind = kindOf(resource);
		const id = `${kind.idPrefix(resource.name)}${randomBytes(4).toString("hex")}`;
		if (preview) return { id, state: { ...inputs, ...unknownOutputs(kind) } };
		return { id, state: { ...inputs, ...(await kind.create(ready(inputs), workOn(resource))) } };
	},

	async read(_resource, id, inputs, state) {
		return { id, inputs, state };
	},

	async update(resource, _id, state, news, preview) {
		const kind = kindOf(resource);
		if (preview) return { ...news, ...unknownOutputs(kind) };
		return { ...news, ...(await kind.update(revealAll(state), ready(news), workOn(resource))) };
	},

	async delete(resource, _id, state) {
		await kindOf(resource).delete(revealAll(state), workOn(resource));
	},

	async invoke(token, args) {
		if (token !== "command:local:run") throw new Error(`the lab's stand-in does not have the function ${token}`);
		const printed = await localRun(ready(args), { log: logOf(""), signal: cancelled.signal });
		return { ...args, ...printed };
	},

	cancel() {
		cancelled.abort(new Error("cancelled"));
	},
};

function kindOf(resource: Resource): Kind {
	const kind = kinds[resource.type];
	if (!kind) throw new Error(`the lab's stand-in does not have the resource ${resource.type}`);
	return kind;
}

/** The inputs with revealed secrets. Outside of a preview the engine knows all of them. */
function ready(inputs: Values): Values {
	if (hasUnknown(inputs)) throw new Error("some inputs are not known yet");
	return revealAll(inputs);
}

function workOn(resource: Resource): Work {
	return { log: resource.log, signal: cancelled.signal };
}

function unknownOutputs(kind: Kind): Values {
	return Object.fromEntries(kind.outputs.map((name) => [name, unknown]));
}

/** Properties that the engine adds to every resource's inputs. */
function isEnginesOwn(key: string): boolean {
	return key === "version" || key.startsWith("__");
}
