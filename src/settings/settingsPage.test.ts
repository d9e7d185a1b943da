import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { drivers } from "../drivers/registry.ts";
import { settingsPage } from "./settingsPage.ts";

test("docs/settings.md is made of the settings' schema; npm run schema writes it", async () => {
	const page = await readFile(new URL("../../docs/settings.md", import.meta.url), "utf8");
	expect(page).toBe(settingsPage(drivers));
});

test("the page names a key of each section, each driver's own and what is required", () => {
	const page = settingsPage(drivers);
	for (const key of ["kubeconfigFile", "bastion.hostKey", "libvirt.image.sha256", "verify.mode", "rollbackAfter"])
		expect(page).toContain(`| \`${key}\` `);
	expect(page).toMatch(/^\| `hostKey` +\| text, required +\|/m);
	expect(page).toMatch(/^### driver: libvirt$/m);
});

test("an ssh block of a machine is not listed again", () => {
	expect(settingsPage(drivers)).not.toContain("`ssh.");
});

test("every setting says what it means", () => {
	const cells = settingsPage(drivers)
		.split("\n")
		.filter((line) => line.startsWith("| `"))
		.map((line) => line.split(" | ").map((cell) => cell.replace(/^\||\|$/g, "").trim()));
	expect(cells.length).toBeGreaterThan(80);
	expect(cells.filter((row) => row.at(-1) === "").map(([key]) => key)).toEqual([]);
});
