import { printable } from "../values/printable.ts";
import { all, failure, type Result, success } from "../values/result.ts";
import { parseIpRoutes } from "./ipRoute.ts";
import type { KernelTable } from "./kernelRoutes.ts";
import { parseRouteCommand } from "./routeCommand.ts";

/** Reads the output of host/read-routes.sh: a line `== COMMAND` before the output of each command. */
export function parseSurveyOutput(text: string): Result<KernelTable> {
	const sections = text.split(/^== /m).slice(1);
	if (sections.length === 0) return failure(`read-routes.sh printed no line "== COMMAND"`);
	const tables = all(sections.map(readSection));
	if (!tables.ok) return tables;
	return success({
		routes: tables.value.flatMap(({ routes }) => routes),
		unreadable: tables.value.flatMap(({ unreadable }) => unreadable),
	});
}

function readSection(section: string): Result<KernelTable> {
	const [command = "", ...lines] = section.split("\n");
	const output = lines.join("\n");
	switch (command) {
		case "ip -j -4 route":
			return parseIpRoutes(output, 4);
		case "ip -j -6 route":
			return parseIpRoutes(output, 6);
		case "route -n":
			return parseRouteCommand(output, 4);
		default:
			return failure(`read-routes.sh printed the output of an unknown command: ${printable(command)}`);
	}
}
