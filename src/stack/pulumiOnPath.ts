import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * The Pulumi that a person has installed: the first on PATH that is not the npm package's, which `npm run` puts first and which
 * downloads the CLI when it is called. Undefined where there is none.
 *
 * @param path folders, parted as in PATH. Default: PATH.
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
