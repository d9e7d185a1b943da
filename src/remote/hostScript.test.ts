import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hostScript, shellWord } from "./hostScript.ts";

test("a shell reads every quoted text as one word", () => {
	const word = fc.string({ unit: "binary-ascii" }).filter((text) => !text.includes("\0"));
	fc.assert(
		fc.property(word, (text) => {
			expect(execFileSync("sh", ["-c", `printf %s ${shellWord(text)}`]).toString()).toBe(text);
		}),
		{ numRuns: 50 },
	);
});

test("a script's version depends on its text", () => {
	const [one, other] = [hostScript("server-network.sh"), hostScript("read-routes.sh")];
	expect(one.version).toMatch(/^[0-9a-f]{12}$/);
	expect(one.version).not.toBe(other.version);
});
