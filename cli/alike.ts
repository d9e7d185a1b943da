/** Values that have the same key, together, in the order of their first. */
export function alike<Value>(values: readonly Value[], keyOf: (value: Value) => string): readonly (readonly Value[])[] {
	const groups = new Map<string, Value[]>();
	for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
	return [...groups.values()];
}
