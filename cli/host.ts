/** `npm run host`: builds host/server-network.sh from its parts. */
import { writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { Command } from "commander";
import { assemble, assembled } from "../host/assemble.ts";
import { start } from "./start.ts";

start(
	new Command("npm run host --")
		.description(
			"Builds host/server-network.sh, which runs on servers, from the files in host/server.\nExit code 0: written; 1: not.",
		)
		.action(async () => {
			await writeFile(assembled, assemble());
			process.stderr.write(`wrote ${relative(process.cwd(), assembled)}\n`);
		}),
);
