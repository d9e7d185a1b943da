/** The outcome of a function that can fail for reasons that a person can mend: a value, or every problem as a text. */
export type Result<Value> =
	| { readonly ok: true; readonly value: Value }
	| { readonly ok: false; readonly problems: readonly string[] };

/** A good outcome. */
export function success<Value>(value: Value): Result<Value> {
	return { ok: true, value };
}

/** A bad outcome. Each problem names the thing and, if there is one, the next step. */
export function failure(...problems: readonly string[]): Result<never> {
	return { ok: false, problems };
}

/** The values of all results, or the problems of those that failed, each once. */
export function all<Value>(results: readonly Result<Value>[]): Result<readonly Value[]> {
	const problems = results.flatMap((result) => (result.ok ? [] : result.problems));
	return problems.length > 0
		? failure(...new Set(problems))
		: success(results.flatMap((result) => (result.ok ? [result.value] : [])));
}
