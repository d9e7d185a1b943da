import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { sudoersFile } from "./operatorUser.ts";

test("the lab's sudo is told what the README says, and no more", async () => {
	const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
	expect(readme).toContain(`\n    ${await readFile(sudoersFile, "utf8")}`);
});
