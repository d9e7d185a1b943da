import { mkdir, readdir, rename, rm, rmdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { layerDir } from "../layers.ts";

/** The only files that containerd changes in place. All others in its store are written once. */
const database = /\.db$/;

const script = fileURLToPath(new URL("fill-image-store.sh", import.meta.url));

/**
 * Makes a containerd store (the content of /var/lib/containerd) with an archive's images. The folder appears complete or not at
 * all. Nodes get copies of it, because an import by each node would keep every core busy for seconds.
 */
export async function makeImageStore(store: string, archive: string): Promise<void> {
	const partial = `${store}.partial`;
	await rm(partial, { recursive: true, force: true });
	const lower = [layerDir("node"), layerDir("base")].join(":");
	const alone = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"];
	await execa("unshare", [...alone, "sh", script, lower, partial, archive], { stdin: "ignore" });
	await rmdir(`${partial}.root`);
	await rename(partial, store);
}

/** Gives a node's containerd the images of a store: hard links to the files that never change, and copies of the databases. */
export async function copyImageStore(store: string, target: string): Promise<void> {
	await rm(target, { recursive: true, force: true });
	await mkdir(target, { recursive: true });
	await execa("cp", ["--archive", "--link", `${store}/.`, target]);
	// With types, because readdir would otherwise follow links, and an image may have one to /proc.
	const entries = await readdir(store, { recursive: true, withFileTypes: true });
	for (const entry of entries.filter((found) => found.isFile() && database.test(found.name))) {
		const file = join(entry.parentPath, entry.name);
		await execa("cp", ["--archive", "--remove-destination", file, join(target, relative(store, file))]);
	}
}
