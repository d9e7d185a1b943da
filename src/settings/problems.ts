import { z } from "zod";
import { printable } from "../core/values/printable.ts";

/** The place of a setting. Example: `pod-gateway:servers[1].hostKey`. */
export function place(path: readonly PropertyKey[]): string {
	return path.reduce<string>((text, part, index) => {
		if (typeof part === "number") return `${text}[${part}]`;
		const key = /^[\w-]+$/.test(String(part)) ? String(part) : printable(String(part));
		return `${text}${index === 0 ? "" : "."}${key}`;
	}, "pod-gateway:");
}

/**
 * One text per thing that is wrong with `raw`, with its place and what to do. No text repeats a secret: only keys and choices
 * are shown.
 */
export function describeIssues(
	schema: z.ZodType,
	issues: readonly z.core.$ZodIssue[],
	raw: unknown,
): readonly string[] {
	return issues.flatMap((issue) => {
		if (issue.code !== "unrecognized_keys") return [`${place(issue.path)}: ${issue.message}`];
		return issue.keys.map((key) => `${place([...issue.path, key])}: ${unknownKeyAt(schema, issue.path, raw, key)}`);
	});
}

/** The words for what zod itself finds. */
export const wording: z.core.$ZodErrorMap = (issue) => {
	switch (issue.code) {
		case "invalid_type":
			return issue.input === undefined ? "is required; set it" : `is not ${TYPES[issue.expected] ?? issue.expected}`;
		case "invalid_value":
			return noneOf(issue.values, issue.input);
		case "invalid_union": {
			const options: unknown = issue["options"];
			if (!Array.isArray(options)) return undefined;
			const said = new Map(Object.entries(issue.input ?? {})).get(issue.discriminator ?? "");
			return noneOf(
				options.filter((option) => option !== undefined),
				said,
			);
		}
		default:
			return undefined;
	}
};

function noneOf(values: readonly unknown[], said: unknown): string {
	const choices = values.map(String);
	const meant = typeof said === "string" ? nearest(said, choices) : undefined;
	return `is none of ${choices.join(", ")}${meant ? `; did you mean ${meant}?` : "; choose one"}`;
}

/** What a person calls zod's types. */
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

/** What is wrong with a key that the mapping at this place cannot have; `value` is what the settings say below `schema`. */
function unknownKeyAt(schema: z.core.$ZodType, path: readonly PropertyKey[], value: unknown, unknown: string): string {
	if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
		return unknownKeyAt(schema.unwrap(), path, value, unknown);
	}
	if (schema instanceof z.ZodDiscriminatedUnion) {
		const { discriminator } = schema.def;
		const said = (value as Record<string, unknown> | undefined)?.[discriminator];
		const names = (option: z.core.$ZodType) => shapeOf(option)[discriminator]?._zod.values ?? new Set();
		const other = schema.options.find((option) => path.length === 0 && unknown in shapeOf(option));
		if (other) {
			const [name] = names(other);
			return `is a key of ${discriminator} ${String(name)}; set ${discriminator}: ${String(name)}, or leave the key out`;
		}
		const chosen = schema.options.find((option) => names(option).has(said as string | undefined));
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

/** A key or choice that is longer is no misspelt one, and comparing it would take its time. */
const LONGEST_WORD = 64;

/** The candidate that takes the fewest edits to reach, if they are fewer than half its letters. */
function nearest(text: string, candidates: readonly string[]): string | undefined {
	if (text.length > LONGEST_WORD) return undefined;
	const [best] = candidates
		.map((candidate) => ({ candidate, edits: editDistance(text.toLowerCase(), candidate.toLowerCase()) }))
		.filter(({ candidate, edits }) => edits < candidate.length / 2)
		.sort((a, b) => a.edits - b.edits);
	return best?.candidate;
}

/** Levenshtein's distance, a row at a time. */
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
