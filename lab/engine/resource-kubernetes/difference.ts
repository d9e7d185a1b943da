import { changes } from "../protocol/diff.ts";
import type { Difference } from "../protocol/provider.ts";
import type { Values } from "../protocol/values.ts";
import {
	annotation,
	nameOf,
	namespaceOf,
	normalized,
	parseState,
	plainInputs,
	pruned,
	withMetadata,
} from "./object.ts";

/** The annotation by which a name that the provider made is told from one of the program's. */
export const autonamed = "pulumi.com/autonamed";

/** What a change of which makes a new object, beside its identity; `enable…Mutable` of the official plugin is not there. */
const fixedFields: Readonly<Record<string, readonly string[]>> = {
	"v1/ConfigMap": ["data", "binaryData"],
	"v1/Secret": ["type", "data", "stringData"],
	"v1/Service": ["spec.clusterIP"],
	"v1/Namespace": [],
};

/**
 * Compares the live object, so far as the old inputs speak of it, with the new inputs: what others added is no change, what
 * they altered is.
 */
export function difference(state: Values, news: Values, isPatch: boolean, namespaced: boolean): Difference {
	const old = parseState(state);
	const inputs = normalized(plainInputs(news));
	const settle = (object: Values) =>
		withMetadata(object, { namespace: namespaced ? namespaceOf(object) || "default" : undefined });
	const before = settle(pruned(old.live, normalized(old.inputs)) as Values);
	const now = settle(inputs);
	const all = changes(before, now);
	const fixed = isPatch ? [] : (fixedFields[`${inputs["apiVersion"]}/${inputs["kind"]}`] ?? []);
	const forced = ["metadata.name", "metadata.namespace", ...fixed];
	const replaces = all
		.map((change) => change.path)
		.filter((path) =>
			forced.some((field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`)),
		);
	const sameIdentity =
		nameOf(inputs) === nameOf(old.live) && namespaceOf(now) === (namespaceOf(old.live) || namespaceOf(now));
	return {
		changes: all,
		replaces,
		// A name that the program chose cannot be had twice.
		deleteBeforeReplace: replaces.length > 0 && sameIdentity && annotation(inputs, autonamed) !== "true",
	};
}
