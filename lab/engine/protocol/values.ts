/**
 * Property values as the engine sends them: plain data, in which envelopes mark secrets, unknowns and assets, as Pulumi's provider
 * protocol says (`resource/plugin/rpc.go`, `resource/properties.go`).
 */

/** A property value on the wire. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };

/** A resource's properties, by name. */
export type Values = { readonly [key: string]: Value };

/** An object with this key is an envelope. The key's value says of which kind. */
export const signature = "4dabf18193072939515e22adb298388d";

const secretKind = "1b47061264138c4ac30d75fd1eb44270";
const assetKind = "c44067f5952c0a294b673a41bacd8c17";
const archiveKind = "0def7320c3a5731c473e5ecbe6d01bc7";

/** Stands for a value that a preview does not know yet. */
export const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export function isList(value: Value | undefined): value is readonly Value[] {
	return Array.isArray(value);
}

export function isObject(value: Value | undefined): value is Values {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isSecret(value: Value | undefined): value is { readonly value: Value } & Values {
	return isObject(value) && value[signature] === secretKind;
}

export function isAsset(value: Value | undefined): value is Values {
	return isObject(value) && value[signature] === assetKind;
}

export function isArchive(value: Value | undefined): value is Values {
	return isObject(value) && value[signature] === archiveKind;
}

/** Marks a value as secret, unless it is marked already. */
export function secret(value: Value): Value {
	return isSecret(value) ? value : { [signature]: secretKind, value };
}

/** Whether the value, or something inside it, is not known yet. */
export function hasUnknown(value: Value): boolean {
	return value === unknown || children(value).some(hasUnknown);
}

/** Whether the value, or something inside it, is a secret. */
export function hasSecret(value: Value): boolean {
	return isSecret(value) || children(value).some(hasSecret);
}

/** The value without the envelopes of secrets. Use it only where the work is done: never log or return the result. */
export function reveal(value: Value): Value {
	if (isSecret(value)) return reveal(value.value);
	if (isList(value)) return value.map(reveal);
	if (isObject(value)) return revealAll(value);
	return value;
}

/** {@link reveal} for all properties. */
export function revealAll(values: Values): Values {
	return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, reveal(value)]));
}

function children(value: Value): readonly Value[] {
	if (isList(value)) return value;
	return isObject(value) ? Object.values(value) : [];
}
