import { isArchive, isAsset, isList, isObject, isSecret, type Value, type Values } from "./values.ts";

/** One difference: the property's path as the engine prints it (`metadata.labels.app`, `triggers[0]`), and what happened to it. */
export interface Change {
	readonly path: string;
	readonly kind: "add" | "delete" | "update";
}

/** Every difference between two sets of properties, each at its deepest path. A secret is one value: its inside is not compared. */
export function changes(olds: Values, news: Values): Change[] {
	return objectChanges("", olds, news);
}

function objectChanges(path: string, olds: Values, news: Values): Change[] {
	const keys = [...new Set([...Object.keys(olds), ...Object.keys(news)])].sort();
	return keys.flatMap((key) => valueChanges(step(path, key), olds[key], news[key]));
}

function valueChanges(path: string, old: Value | undefined, now: Value | undefined): Change[] {
	if (isAbsent(old)) return isAbsent(now) ? [] : [{ path, kind: "add" }];
	if (isAbsent(now)) return [{ path, kind: "delete" }];
	if (isList(old) && isList(now)) {
		const length = Math.max(old.length, now.length);
		return Array.from({ length }, (_, i) => valueChanges(`${path}[${i}]`, old[i], now[i])).flat();
	}
	if (isPlainObject(old) && isPlainObject(now)) return objectChanges(path, old, now);
	return same(old, now) ? [] : [{ path, kind: "update" }];
}

/** The engine treats a null like a missing property. */
function isAbsent(value: Value | undefined): value is null | undefined {
	return value === undefined || value === null;
}

function isPlainObject(value: Value): value is Values {
	return isObject(value) && !isSecret(value) && !isAsset(value) && !isArchive(value);
}

function same(old: Value, now: Value): boolean {
	if (isSecret(old) && isSecret(now)) return valueChanges("", old.value, now.value).length === 0;
	const hashed = (isAsset(old) && isAsset(now)) || (isArchive(old) && isArchive(now));
	if (hashed && old["hash"] && now["hash"]) return old["hash"] === now["hash"];
	if (isObject(old) && isObject(now)) return objectChanges("", old, now).length === 0;
	return old === now;
}

/** Adds a key to a property path, in quotes if the key has characters that would end it. */
function step(path: string, key: string): string {
	if (/[.[\]"]/.test(key) || key === "") return `${path}[${JSON.stringify(key)}]`;
	return path === "" ? key : `${path}.${key}`;
}
