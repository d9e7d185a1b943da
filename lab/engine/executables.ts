import { access, constants, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";

/** Whether the file exists and can be run. */
export async function isExecutable(file: string): Promise<boolean> {
	try {
		await access(file, constants.X_OK);
		return (await stat(file)).isFile();
	} catch {
		return false;
	}
}

/** The first file with this name in the folders that can be run, or undefined. Default: the folders of PATH. */
export async function findExecutable(
	name: string,
	folders: readonly string[] = (process.env["PATH"] ?? "").split(delimiter),
): Promise<string | undefined> {
	for (const folder of folders) {
		const file = join(folder, name);
		if (folder !== "" && (await isExecutable(file))) return file;
	}
	return undefined;
}
