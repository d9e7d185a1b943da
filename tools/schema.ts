/** `npm run schema`: writes stacks/settings.schema.json anew from the settings' own schema. */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { Command } from "commander";
import { drivers } from "../components/drivers/registry.ts";
import { editorSchema } from "../components/settings/jsonSchema.ts";
import { start } from "./start.ts";

const project = join(import.meta.dirname, "..");
const path = join(project, "stacks", "settings.schema.json");

start(
	new Command("npm run schema --")
		.description(
			"Writes stacks/settings.schema.json anew, by which editors know the settings.\nExit code 0: written; 1: not.",
		)
		.action(async () => {
			await writeFile(path, `${JSON.stringify(editorSchema(drivers), null, "\t")}\n`);
			execFileSync("npx", ["--no-install", "biome", "format", "--write", path], { cwd: project, stdio: "pipe" });
			process.stderr.write(`wrote ${relative(process.cwd(), path)}\n`);
		}),
);
