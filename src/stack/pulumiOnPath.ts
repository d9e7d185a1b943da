import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The installed pulumi command: the first on PATH that is not the npm package's. `npm run` puts that one first, and it
 * downloads the CLI when it is called. Undefined if there is no other.
 *
 * @param path folders, separated as in PATH. Default: PATH.
 */
export function pulumiOnPath(path = process.env["PATH"] ?? ""): string | undefined {
	return path
		.split(delimiter)
		.filter((folder) => folder !== "")
		.map((folder) => join(folder, "pulumi"))
		.find(isInstalled);
}

function isInstalled(file: string): boolean {
	try {
		accessSync(file, constants.X_OK);
		return statSync(file).isFile() && !realpathSync(file).includes("/node_modules/");
	} catch {
		return false;
	}
}
