import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { sudoersFile } from "./operatorUser.ts";

test.each(["sudo", "sudo-rs"] as const)("the lab's %s has exactly the rule of docs/servers.md", async (sudo) => {
	const page = await readFile(new URL("../docs/servers.md", import.meta.url), "utf8");
	expect(page).toContain(`\n    ${await readFile(sudoersFile(sudo), "utf8")}`);
});
