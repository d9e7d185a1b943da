import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { secretTextSchema } from "../core/values/secretText.ts";
import { revealSecret } from "./secretFile.ts";

const folder = mkdtempSync(join(tmpdir(), "pod-gateway-secret-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the text itself, and the one in a file, also below the home of whoever reads it", () => {
	writeFileSync(join(folder, "key"), "THE KEY\n");
	expect(revealSecret("THE KEY\n", "the key")).toBe("THE KEY\n");
	expect(revealSecret({ file: join(folder, "key") }, "the key")).toBe("THE KEY\n");
	vi.stubEnv("HOME", folder);
	expect(revealSecret({ file: "~/key" }, "the key")).toBe("THE KEY\n");
	vi.unstubAllEnvs();
});

test("a file that is not there is named, with what it is for", () => {
	const file = join(folder, "missing");
	expect(() => revealSecret({ file }, "the key")).toThrow(
		`the key ${file} cannot be read (ENOENT); put it there, or let its owner run this`,
	);
});

test("as JSON: what older states have, and what is written now", () => {
	expect(secretTextSchema.parse("THE KEY")).toBe("THE KEY");
	expect(secretTextSchema.parse({ file: "~/key" })).toEqual({ file: "~/key" });
	expect(secretTextSchema.safeParse({}).success).toBe(false);
});
