import { describe, expect, it } from "vitest";
import { hasSecret, hasUnknown, isSecret, reveal, secret, unknown } from "./values.ts";

describe("property values", () => {
	it("mark a secret only once, and reveal it at every depth", () => {
		const wrapped = secret({ host: "h", key: secret("k") });
		expect(secret(wrapped)).toBe(wrapped);
		expect(isSecret(wrapped)).toBe(true);
		expect(reveal([wrapped])).toEqual([{ host: "h", key: "k" }]);
	});

	it("find unknown and secret values at every depth", () => {
		expect(hasUnknown({ a: [{ b: secret(unknown) }] })).toBe(true);
		expect(hasUnknown({ a: ["unknown"] })).toBe(false);
		expect(hasSecret({ a: [{ b: secret("x") }] })).toBe(true);
		expect(hasSecret({ a: [{ b: "x" }] })).toBe(false);
	});
});
