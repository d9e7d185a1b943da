import { hasSecret, isList, isObject, isSecret, reveal, secret, type Value, type Values } from "../protocol/values.ts";

/** A Kubernetes object as plain data. */
export type KubernetesObject = Values;

/** The state's keys besides those of the live object. */
const inputsKey = "__inputs";
const apiVersionKey = "__initialApiVersion";
const managerKey = "__fieldManager";

export function nameOf(object: Values): string {
	const name = metadata(object)["name"];
	return typeof name === "string" ? name : "";
}

export function namespaceOf(object: Values): string {
	const namespace = metadata(object)["namespace"];
	return typeof namespace === "string" ? namespace : "";
}

export function annotation(object: Values, key: string): string | undefined {
	const annotations = metadata(object)["annotations"];
	const value = isObject(annotations) ? annotations[key] : undefined;
	return typeof value === "string" ? value : undefined;
}

/** The object with these fields of its metadata replaced; undefined ones are removed. */
export function withMetadata(object: Values, fields: Readonly<Record<string, Value | undefined>>): Values {
	const merged = Object.entries({ ...metadata(object), ...fields }).filter(([, value]) => value !== undefined);
	return { ...object, metadata: Object.fromEntries(merged) as Values };
}

export function metadata(object: Values): Values {
	const value = object["metadata"];
	const plain = isSecret(value) ? value.value : value;
	return isObject(plain) ? plain : {};
}

/** An object's id: NAMESPACE/NAME, or NAME if it does not have a namespace. */
export function idOf(object: Values): string {
	const namespace = namespaceOf(object);
	return namespace === "" ? nameOf(object) : `${namespace}/${nameOf(object)}`;
}

export function parseId(id: string): { namespace: string; name: string } {
	const [first = "", second] = id.split("/");
	return second === undefined ? { namespace: "", name: first } : { namespace: first, name: second };
}

/** The program's own inputs, revealed, without what the engine added. */
export function plainInputs(inputs: Values): KubernetesObject {
	return withoutNulls(Object.fromEntries(Object.entries(inputs).filter(([key]) => !key.startsWith("__")))) as Values;
}

/** A Secret with its `stringData` as `data`, as the server writes it; any other object unchanged. */
export function normalized(object: KubernetesObject): KubernetesObject {
	const { stringData, ...rest } = object;
	if (object["kind"] !== "Secret" || !isObject(stringData)) return object;
	const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(String(text)).toString("base64")]);
	return { ...rest, data: { ...(isObject(rest["data"]) ? rest["data"] : {}), ...Object.fromEntries(encoded) } };
}

/** The live object, reduced to the fields that the inputs have. */
export function pruned(live: Value, inputs: Value): Value {
	if (isObject(live) && isObject(inputs)) {
		const shared = Object.keys(inputs).filter((key) => live[key] !== undefined);
		return Object.fromEntries(shared.map((key) => [key, pruned(live[key] ?? null, inputs[key] ?? null)]));
	}
	if (isList(live) && isList(inputs)) return live.map((item, i) => pruned(item, inputs[i] ?? null));
	return live;
}

/** The state of a resource: the live object, and what made it. Fields are secret if the inputs are; a Secret's data always are. */
export function stateOf(live: KubernetesObject, inputs: Values, apiVersion: string, manager: string): Values {
	const own = Object.fromEntries(Object.entries(inputs).filter(([key]) => !key.startsWith("__")));
	const plain = revealObject(own);
	return {
		...markSecrets(live, own),
		[inputsKey]: markSecrets(plain, own),
		[apiVersionKey]: apiVersion,
		[managerKey]: manager,
	};
}

/** Splits a state into its parts, with revealed secrets. */
export function parseState(state: Values): { live: KubernetesObject; inputs: KubernetesObject; manager?: string } {
	const { [inputsKey]: inputs, [apiVersionKey]: _version, [managerKey]: manager, ...live } = revealObject(state);
	return {
		live,
		inputs: isObject(inputs) ? (withoutNulls(inputs) as Values) : {},
		...(typeof manager === "string" ? { manager } : {}),
	};
}

/** Marks the fields that are secret in the inputs, and the data of a Secret, as secret. */
export function markSecrets(object: Values, inputs: Values): Values {
	const entries = Object.entries(object).map(([key, value]): [string, Value] => {
		if (object["kind"] === "Secret" && (key === "data" || key === "stringData")) return [key, secret(value)];
		const input = inputs[key];
		if (input === undefined || !hasSecret(input)) return [key, value];
		return [key, isObject(value) && isObject(input) && !isSecret(input) ? markSecrets(value, input) : secret(value)];
	});
	return Object.fromEntries(entries);
}

function revealObject(values: Values): Values {
	return reveal(values) as Values;
}

function withoutNulls(value: Value): Value {
	if (isSecret(value)) return withoutNulls(value.value);
	if (isList(value)) return value.map(withoutNulls);
	if (!isObject(value)) return value;
	const present = Object.entries(value).filter(([, inner]) => inner !== null);
	return Object.fromEntries(present.map(([key, inner]) => [key, withoutNulls(inner)]));
}
