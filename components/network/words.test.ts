import fc from "fast-check";
import { expect, test } from "vitest";
import { printable, shortened, words } from "./words.ts";

test("a console's control characters reach no terminal", () => {
	expect(printable("\u001b[31mred\u001b[0m\u0007 \u009b1mline\r\nnext\u202e\n")).toBe("red line\nnext\n");
});

test("a long text keeps its beginning and its end, and says how much is left out", () => {
	expect(shortened("abcdefghij".repeat(3), 9)).toBe("abc … 21 characters … efghij");
	expect(shortened(`first\n${"x".repeat(100)}\nlast`, 12)).toMatch(/^firs\n… 99 characters are left out …\nxxx\nlast$/);
	expect(words(`error: the reason\n${"noise\n".repeat(1e6)}error: the other reason\n`)).toMatch(
		/^error: the reason\nnoise\n(?:.*\n)*… \d+ characters are left out …\n(?:.*\n)*error: the other reason$/,
	);
});

test("whatever is said, what is shown is bounded, whole where it is short, and safe", () => {
	fc.assert(
		fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.integer({ min: 3, max: 100 }), (text, longest) => {
			const shown = words(text, longest);
			expect(shown.length).toBeLessThanOrEqual(longest + 50);
			expect(shown).not.toMatch(/[^\n\P{C}]/u);
			if (printable(text).trim().length <= longest) expect(shown).toBe(printable(text).trim());
			const [whole, part] = [printable(text).trim(), Math.floor(longest / 3) - 1];
			expect(shown.startsWith(whole.slice(0, part))).toBe(true);
			expect(shown.endsWith(whole.slice(Math.max(0, whole.length - part)))).toBe(true);
		}),
		{ numRuns: 10_000 },
	);
});

test("sixty-four MiB without a line end take no time", () => {
	const before = Date.now();
	expect(words("\u0000".repeat(64 * 1024 * 1024)).length).toBeLessThan(9000);
	expect(Date.now() - before).toBeLessThan(5000);
});
