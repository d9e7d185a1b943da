import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { secretTextSchema } from "../core/values/secretText.ts";
import { revealSecret } from "./secretFile.ts";

const folder = mkdtempSync(join(tmpdir(), "pod-gateway-secret-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("reads a plain text and one in a file, also below the user's home", () => {
	writeFileSync(join(folder, "key"), "THE KEY\n");
	expect(revealSecret("THE KEY\n", "the key")).toBe("THE KEY\n");
	expect(revealSecret({ file: join(folder, "key") }, "the key")).toBe("THE KEY\n");
	vi.stubEnv("HOME", folder);
	expect(revealSecret({ file: "~/key" }, "the key")).toBe("THE KEY\n");
	vi.unstubAllEnvs();
});

test("the error of a missing file names the file and the secret", () => {
	const file = join(folder, "missing");
	expect(() => revealSecret({ file }, "the key")).toThrow(
		`the key ${file} cannot be read (ENOENT); put it there, or let its owner run this`,
	);
});

test("reads both forms from JSON", () => {
	expect(secretTextSchema.parse("THE KEY")).toBe("THE KEY");
	expect(secretTextSchema.parse({ file: "~/key" })).toEqual({ file: "~/key" });
	expect(secretTextSchema.safeParse({}).success).toBe(false);
});
