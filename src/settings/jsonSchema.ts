import { z } from "zod";
import { type KnownDriver, stackFileSchema } from "./schema.ts";

/** The form in which Pulumi writes a secret into a stack file. */
const secure = { type: "object", properties: { secure: { type: "string" } }, required: ["secure"] };

/** The keys that may be secrets. */
const SECRETS = ["kubeconfig", "privateKey", "key"];

/**
 * The JSON Schema (draft 2020-12) of a stack file, with which editors complete, describe and check settings. The program checks
 * more: addresses, host keys, and mutually exclusive settings.
 */
export function editorSchema(drivers: readonly KnownDriver[]): object {
	const { $schema, properties, required } = z.toJSONSchema(stackFileSchema(drivers), {
		io: "input",
		unrepresentable: "any",
	});
	const keys = Object.entries(properties ?? {}).map(([key, value]) => [`pod-gateway:${key}`, withSecrets(value)]);
	return {
		$schema,
		title: "pod-gateway: settings of an environment",
		type: "object",
		properties: {
			config: {
				type: "object",
				properties: Object.fromEntries(keys),
				required: required?.map((key) => `pod-gateway:${key}`),
			},
		},
		required: ["config"],
	};
}

/** The schema in which every key of {@link SECRETS} may be plain text or encrypted. */
function withSecrets(part: unknown): unknown {
	if (Array.isArray(part)) return part.map(withSecrets);
	if (typeof part !== "object" || part === null) return part;
	return Object.fromEntries(
		Object.entries(part).map(([key, value]) => [key, SECRETS.includes(key) ? maybeSecret(value) : withSecrets(value)]),
	);
}

function maybeSecret({ description, ...plain }: { description?: string }): object {
	return { description, anyOf: [plain, secure] };
}
