import { z } from "zod";
import { quote } from "../network/quote.ts";

/** The place of a setting. Example: `pod-gateway:servers[1].hostKey`. */
export function place(path: readonly PropertyKey[]): string {
	return path.reduce<string>((text, part, index) => {
		if (typeof part === "number") return `${text}[${part}]`;
		const key = /^[\w-]+$/.test(String(part)) ? String(part) : quote(String(part));
		return `${text}${index === 0 ? "" : "."}${key}`;
	}, "pod-gateway:");
}

/** One text per thing that is wrong, with its place and what to do. No text repeats a secret: only keys and choices are shown. */
export function describeIssues(schema: z.ZodType, issues: readonly z.core.$ZodIssue[]): readonly string[] {
	return issues.flatMap((issue) => {
		if (issue.code !== "unrecognized_keys") return [`${place(issue.path)}: ${issue.message}`];
		return issue.keys.map((key) => `${place([...issue.path, key])}: ${unknownKey(key, keysAt(schema, issue.path))}`);
	});
}

/** The words for what zod itself finds. */
export const wording: z.core.$ZodErrorMap = (issue) => {
	switch (issue.code) {
		case "invalid_type":
			return issue.input === undefined ? "is required; set it" : `is not ${TYPES[issue.expected] ?? issue.expected}`;
		case "invalid_value": {
			const choices = issue.values.map(String);
			const meant = typeof issue.input === "string" ? nearest(issue.input, choices) : undefined;
			return `is none of ${choices.join(", ")}${meant ? `; did you mean ${meant}?` : "; choose one"}`;
		}
		default:
			return undefined;
	}
};

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

/** The keys a mapping can have at this place of the schema. */
function keysAt(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
	const [key, ...rest] = path;
	if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
		return keysAt(schema.unwrap(), path);
	}
	if (schema instanceof z.ZodArray) return keysAt(schema.element, rest);
	if (!(schema instanceof z.ZodObject)) return [];
	if (key === undefined) return Object.keys(schema.shape);
	const child: z.core.$ZodType | undefined = schema.shape[String(key)];
	return child ? keysAt(child, rest) : [];
}

/** The candidate that takes the fewest edits to reach, if they are fewer than half its letters. */
function nearest(text: string, candidates: readonly string[]): string | undefined {
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
