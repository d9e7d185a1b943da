/** Groups values by their key, in the order of each group's first value. */
export function alike<Value>(values: readonly Value[], keyOf: (value: Value) => string): readonly (readonly Value[])[] {
	const groups = new Map<string, Value[]>();
	for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
	return [...groups.values()];
}
