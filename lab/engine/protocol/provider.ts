import type { Change } from "./diff.ts";
import type { Log } from "./log.ts";
import type { Value, Values } from "./values.ts";

/** The resource that a request is about. */
export interface Resource {
	readonly urn: string;
	/** The type's token, such as `command:remote:Command`. */
	readonly type: string;
	/** The resource's name in the program. */
	readonly name: string;
	readonly log: Log;
}

/** A refused input: the property's path, and the reason. */
export interface Failure {
	readonly property: string;
	readonly reason: string;
}

/** What the engine has to do about a resource whose inputs changed. */
export interface Difference {
	readonly changes: readonly Change[];
	/** Paths among the changes that force a replacement. */
	readonly replaces: readonly string[];
	/** Whether to delete the old one first, because both would have the same name. Default: false. */
	readonly deleteBeforeReplace?: boolean;
}

/** A provider of resources, as the engine sees it. `serveProvider` serves it. An error that it throws makes the resource fail. */
export interface Provider {
	readonly version: string;
	/** Takes the provider's own settings. The first request, apart from `checkConfig`. */
	configure(settings: Values): void;
	/** What a change of the provider's settings means for its resources. With an empty list of `replaces` they stay. */
	diffSettings(olds: Values, news: Values): Difference;
	check(resource: Resource, olds: Values, news: Values): Promise<{ inputs: Values; failures: readonly Failure[] }>;
	diff(resource: Resource, oldInputs: Values, state: Values, news: Values): Promise<Difference>;
	create(resource: Resource, inputs: Values, preview: boolean): Promise<{ id: string; state: Values }>;
	/** Undefined when the resource no longer exists. */
	read(
		resource: Resource,
		id: string,
		inputs: Values,
		state: Values,
	): Promise<{ id: string; inputs: Values; state: Values } | undefined>;
	update(resource: Resource, id: string, state: Values, news: Values, preview: boolean): Promise<Values>;
	delete(resource: Resource, id: string, state: Values): Promise<void>;
	invoke(token: string, args: Values): Promise<{ [name: string]: Value }>;
	/** Cancels all running requests, which then fail. */
	cancel(): void;
}
