import type { Log } from "../protocol/log.ts";
import type { Value, Values } from "../protocol/values.ts";

/** What a command printed, without the last line end; the outputs that are not also inputs. */
export type Printed = { readonly stdout: string; readonly stderr: string };

/** What a piece of work has to hand: the resource's log and the signal that breaks the work off. */
export interface Work {
	readonly log: Log;
	readonly signal: AbortSignal;
}

/**
 * One resource type of the command provider. Inputs and state come here with secrets revealed; what is kept of them is the
 * provider's business. `Outputs` is what the resource has beyond its inputs.
 */
export interface Kind<Outputs extends Values = Values> {
	/** Every input there is; another one is refused. */
	readonly inputs: ReadonlySet<string>;
	readonly required: readonly string[];
	/** Outputs beyond the inputs, by name; unknown in a preview that creates or updates. */
	readonly outputs: readonly string[];
	/** The id is this and a random part. */
	idPrefix(name: string): string;
	create(inputs: Values, work: Work): Promise<Outputs>;
	update(olds: Values, news: Values, work: Work): Promise<Outputs>;
	delete(state: Values, work: Work): Promise<void>;
}

/** A string property, or undefined where it is not set. */
export function text(value: Value | undefined): string | undefined {
	return typeof value === "string" ? value : undefined;
}
