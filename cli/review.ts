/**
 * `npm run review -- ENV`: prints a preview as Markdown for a pull request, first a line per server. Exit code 0: nothing
 * changes; 2: something does; 1: the preview failed.
 */
import { Command } from "commander";
import { reportToTerminal } from "../src/messages/report.ts";
import { previewJson } from "../src/stack/pulumi.ts";
import { markdown, reviewOf } from "./preview.ts";
import { start } from "./start.ts";

const program = new Command("npm run review --")
	.description(
		"Prints the changes of a pulumi up as Markdown for a pull request. Changes nothing.\nExit code 0: nothing changes; 2: something does; 1: the preview failed.",
	)
	.argument("<env>", "name of the stack, such as prod")
	.action(async (stack: string) => {
		reportToTerminal(`waiting for pulumi preview of ${stack}`);
		const review = reviewOf(await previewJson(stack));
		process.stdout.write(markdown(stack, review));
		if (review.servers.length > 0 || review.others.length > 0) process.exitCode = 2;
	});

start(program);
