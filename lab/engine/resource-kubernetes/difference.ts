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

/** The annotation that marks a name as made by the provider and not by the program. */
export const autonamed = "pulumi.com/autonamed";

/** Fields whose change needs a new object, as a change of its identity does. The official plugin's `enable…Mutable` is not supported. */
const fixedFields: Readonly<Record<string, readonly string[]>> = {
	"v1/ConfigMap": ["data", "binaryData"],
	"v1/Secret": ["type", "data", "stringData"],
	"v1/Service": ["spec.clusterIP"],
	"v1/Namespace": [],
};

/**
 * Compares the live object with the new inputs, but only in the fields of the old inputs. So fields that others added are not a change,
 * and fields that others altered are.
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
		// Two objects cannot both have a name that the program chose.
		deleteBeforeReplace: replaces.length > 0 && sameIdentity && annotation(inputs, autonamed) !== "true",
	};
}
