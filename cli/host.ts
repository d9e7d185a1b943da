/** `npm run host`: puts host/server-network.sh together from its parts. */
import { writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { Command } from "commander";
import { assemble, assembled } from "../host/assemble.ts";
import { start } from "./start.ts";

start(
	new Command("npm run host --")
		.description(
			"Puts host/server-network.sh, which runs on servers, together from host/server.\nExit code 0: written; 1: not.",
		)
		.action(async () => {
			await writeFile(assembled, assemble());
			process.stderr.write(`wrote ${relative(process.cwd(), assembled)}\n`);
		}),
);
