import { z } from "zod";
import { printable } from "../core/values/printable.ts";

/** The name of the setting at this path. Example: `pod-gateway:servers[1].hostKey`. */
export function settingAt(path: readonly PropertyKey[]): string {
	return path.reduce<string>((text, part, index) => {
		if (typeof part === "number") return `${text}[${part}]`;
		const key = /^[\w-]+$/.test(String(part)) ? String(part) : printable(String(part));
		return `${text}${index === 0 ? "" : "."}${key}`;
	}, "pod-gateway:");
}

/**
 * A text per problem of `raw`, with the setting and the next step. Texts only quote keys and choices, so they never repeat a
 * secret.
 */
export function describeIssues(
	schema: z.ZodType,
	issues: readonly z.core.$ZodIssue[],
	raw: unknown,
): readonly string[] {
	return issues.flatMap((issue) => {
		if (issue.code !== "unrecognized_keys") return [`${settingAt(issue.path)}: ${issue.message}`];
		return issue.keys.map((key) => `${settingAt([...issue.path, key])}: ${unknownKeyAt(schema, issue.path, raw, key)}`);
	});
}

/** The messages for problems that zod itself finds. */
export const wording: z.core.$ZodErrorMap = (issue) => {
	switch (issue.code) {
		case "invalid_type":
			return issue.input === undefined ? "is required; set it" : `is not ${TYPES[issue.expected] ?? issue.expected}`;
		case "invalid_value":
			return notOneOf(issue.values, issue.input);
		case "invalid_union": {
			const options: unknown = issue["options"];
			if (!Array.isArray(options)) return undefined;
			const value = new Map(Object.entries(issue.input ?? {})).get(issue.discriminator ?? "");
			return notOneOf(
				options.filter((option) => option !== undefined),
				value,
			);
		}
		default:
			return undefined;
	}
};

function notOneOf(values: readonly unknown[], value: unknown): string {
	const choices = values.map(String);
	const meant = typeof value === "string" ? nearest(value, choices) : undefined;
	return `is not one of ${choices.join(", ")}${meant ? `; did you mean ${meant}?` : "; choose one"}`;
}

/** Plain words for zod's types. */
const TYPES: Readonly<Record<string, string>> = {
	array: "a list",
	boolean: "true or false",
	number: "a number",
	object: "a mapping of keys to values",
	record: "a mapping of keys to values",
	string: "text; put it in quotes",
};

function unknownKey(key: string, known: readonly string[]): string {
	const meant = nearest(key, known);
	return `is not a known key; ${meant ? `did you mean ${meant}?` : `known here: ${known.join(", ")}`}`;
}

/** The problem of an unknown key in the mapping at `path`. @param value the settings that `schema` describes. */
function unknownKeyAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown, unknown: string): string {
	if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
		return unknownKeyAt(schema.unwrap(), path, value, unknown);
	}
	if (schema instanceof z.ZodDiscriminatedUnion) {
		const { discriminator } = schema.def;
		const choice = (value as Record<string, unknown> | undefined)?.[discriminator];
		const names = (option: z.core.$ZodType) => shapeOf(option)[discriminator]?._zod.values ?? new Set();
		const other = schema.options.find((option) => path.length === 0 && unknown in shapeOf(option));
		if (other) {
			const [name] = names(other);
			return `is a key of ${discriminator} ${String(name)}; set ${discriminator}: ${String(name)}, or leave the key out`;
		}
		const chosen = schema.options.find((option) => names(option).has(choice as string | undefined));
		return chosen ? unknownKeyAt(chosen, path, value, unknown) : unknownKey(unknown, []);
	}
	const [key, ...rest] = path;
	const below = key === undefined ? undefined : (value as Record<PropertyKey, unknown> | undefined)?.[key];
	if (schema instanceof z.ZodArray) return unknownKeyAt(schema.element, rest, below, unknown);
	const child = key === undefined ? undefined : shapeOf(schema)[String(key)];
	return child ? unknownKeyAt(child, rest, below, unknown) : unknownKey(unknown, Object.keys(shapeOf(schema)));
}

function shapeOf(schema: z.core.$ZodType): z.core.$ZodLooseShape {
	return schema instanceof z.ZodObject ? schema.shape : {};
}

/** The most characters of a key or choice that may be misspelt. Comparing longer ones would take too long. */
const LONGEST_WORD = 64;

/** The candidate with the smallest edit distance, if that is less than half its length. */
function nearest(text: string, candidates: readonly string[]): string | undefined {
	if (text.length > LONGEST_WORD) return undefined;
	const [best] = candidates
		.map((candidate) => ({ candidate, edits: editDistance(text.toLowerCase(), candidate.toLowerCase()) }))
		.filter(({ candidate, edits }) => edits < candidate.length / 2)
		.sort((a, b) => a.edits - b.edits);
	return best?.candidate;
}

/** The Levenshtein distance, computed row by row. */
function editDistance(from: string, to: string): number {
	let row = Array.from({ length: to.length + 1 }, (_, index) => index);
	for (const [i, letter] of [...from].entries()) {
		const next = [i + 1];
		for (const [j, other] of [...to].entries()) {
			const [left = 0, above = 0, diagonal = 0] = [next[j], row[j + 1], row[j]];
			next.push(Math.min(left + 1, above + 1, diagonal + (letter === other ? 0 : 1)));
		}
		row = next;
	}
	return row.at(-1) ?? 0;
}
