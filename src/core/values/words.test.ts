import fc from "fast-check";
import { expect, test } from "vitest";
import { shortened, withoutControls, words } from "./words.ts";

test("a console's control characters do not reach the terminal", () => {
	expect(withoutControls("\u001b[31mred\u001b[0m\u0007 \u009b1mline\r\nnext\u202e\n")).toBe("red line\nnext\n");
});

test("a long text keeps its beginning and its end, and says how much is left out", () => {
	expect(shortened("abcdefghij".repeat(3), 9)).toBe("abc … 21 characters … efghij");
	expect(shortened(`first\n${"x".repeat(100)}\nlast`, 12)).toMatch(/^firs\n… 99 characters are left out …\nxxx\nlast$/);
	expect(words(`error: the reason\n${"noise\n".repeat(1e6)}error: the other reason\n`)).toMatch(
		/^error: the reason\nnoise\n(?:.*\n)*… \d+ characters are left out …\n(?:.*\n)*error: the other reason$/,
	);
});

/** Texts of letters, line ends, control characters, and whole and half surrogate pairs. */
const said = fc
	.array(fc.constantFrom("a", "b c", "\n", "\u0000", "\u001b[31m", "\u202e", "é", "\u{168c0}", "\ud800", "\udc00"), {
		maxLength: 60,
	})
	.map((parts) => parts.join(""));

test("every text is shown bounded and safe, and a short one whole", () => {
	fc.assert(
		fc.property(said, fc.integer({ min: 3, max: 30 }), (text, longest) => {
			const [shown, whole, part] = [words(text, longest), withoutControls(text).trim(), Math.floor(longest / 3) - 1];
			if (
				shown.length > longest + 50 ||
				/[^\n\P{C}]/u.test(shown) ||
				(whole.length <= longest && shown !== whole) ||
				!shown.startsWith(whole.slice(0, part)) ||
				!shown.endsWith(whole.slice(Math.max(0, whole.length - part)))
			) {
				throw new Error(shown);
			}
		}),
		{ numRuns: 10_000 },
	);
});

test("colours do not count as characters", () => {
	expect(words(`aa${"\u001b[31m".repeat(200)}a`, 3)).toBe("aaa");
});

test("64 MiB without a line end are cut fast", () => {
	const before = Date.now();
	expect(words("\u0000".repeat(64 * 1024 * 1024)).length).toBeLessThan(9000);
	expect(Date.now() - before).toBeLessThan(5000);
});
