import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type languageMessages from "@pulumi/pulumi/proto/language_pb.js";

/**
 * Starts the policy pack that the request names. The pack first prints the port that it serves on.
 * @throws Error when the request is for another kind of plugin, or when the pack's dependencies are not installed.
 */
export function startPolicyPack(
	request: languageMessages.RunPluginRequest,
): ChildProcessByStdio<null, Readable, Readable> {
	if (request.getKind() !== "analyzer") throw new Error(`plugins of kind ${request.getKind()} are not implemented`);
	const folder = request.getInfo()?.getProgramDirectory() ?? request.getProgram();
	const runner = createRequire(join(folder, "package.json")).resolve("@pulumi/pulumi/cmd/run-policy-pack");
	const environment = request.getEnvList().map((entry) => entry.split(/=(.*)/s).slice(0, 2) as [string, string]);
	return spawn("node", [runner, ...request.getArgsList(), folder], {
		// A pack has the version of the package.json in its working folder.
		cwd: folder,
		env: Object.fromEntries(environment),
		stdio: ["ignore", "pipe", "pipe"],
	});
}
