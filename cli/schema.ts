/** `npm run schema`: builds stacks/settings.schema.json and docs/settings.md from the settings' schema. */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Command } from "commander";
import { drivers } from "../src/drivers/registry.ts";
import { editorSchema } from "../src/settings/jsonSchema.ts";
import { settingsPage } from "../src/settings/settingsPage.ts";
import { start } from "./start.ts";

const project = join(import.meta.dirname, "..");
const path = join(project, "stacks", "settings.schema.json");
const page = join(project, "docs", "settings.md");

start(
	new Command("npm run schema --")
		.description(
			"Builds stacks/settings.schema.json, for editors, and docs/settings.md from the settings' schema.\nExit code 0: written; 1: not.",
		)
		.action(async () => {
			await writeFile(path, `${JSON.stringify(editorSchema(drivers), null, "\t")}\n`);
			execFileSync("npx", ["--no-install", "biome", "format", "--write", path], { cwd: project, stdio: "pipe" });
			await writeFile(page, settingsPage(drivers));
			for (const written of [path, page]) process.stderr.write(`wrote ${relative(process.cwd(), written)}\n`);
		}),
);
