import type { Log } from "../protocol/log.ts";
import type { Value, Values } from "../protocol/values.ts";

/** What a command printed, without the last newline. These are the outputs that are not inputs. */
export type Printed = { readonly stdout: string; readonly stderr: string };

/** What the work on a resource gets: the resource's log, and the signal that cancels the work. */
export interface Work {
	readonly log: Log;
	readonly signal: AbortSignal;
}

/**
 * One resource type of the command provider. It gets inputs and state with revealed secrets; the provider decides what is kept of them.
 * `Outputs` is what the resource has besides its inputs.
 */
export interface Kind<Outputs extends Values = Values> {
	/** The names of all inputs. Others are refused. */
	readonly inputs: ReadonlySet<string>;
	readonly required: readonly string[];
	/** The names of the outputs. They are unknown in a preview that creates or updates. */
	readonly outputs: readonly string[];
	/** The beginning of the id; the rest is random. */
	idPrefix(name: string): string;
	create(inputs: Values, work: Work): Promise<Outputs>;
	update(olds: Values, news: Values, work: Work): Promise<Outputs>;
	delete(state: Values, work: Work): Promise<void>;
}

/** A string property, or undefined if it is not set. */
export function text(value: Value | undefined): string | undefined {
	return typeof value === "string" ? value : undefined;
}
