import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";

/** One layer of an image: an existing tar, or files of this machine by their absolute path in the image. */
export type Layer = { readonly tar: string } | { readonly files: Readonly<Record<string, string>> };

/** A container image as the lab makes it. */
export interface Image {
	/** Full name with tag, as manifests ask for it. */
	readonly name: string;
	/** Bottom layer first. Images of one archive share a layer that is the same object. */
	readonly layers: readonly Layer[];
	readonly entrypoint: readonly string[];
	readonly environment?: readonly string[];
}

/**
 * Writes images into one docker-archive (the layout of `docker save`), which `ctr images import` reads, so that the lab does not need
 * a registry. The file appears complete or not at all.
 */
export async function writeImageArchive(output: string, images: readonly Image[]): Promise<void> {
	await mkdir(dirname(output), { recursive: true });
	const work = await mkdtemp(`${output}.`);
	const content = join(work, "content");
	try {
		await mkdir(content);
		const digests = new Map<Layer, string>();
		const manifest = [];
		for (const { name, layers, entrypoint, environment = [] } of images) {
			for (const layer of layers) if (!digests.has(layer)) digests.set(layer, await addLayer(layer, work, content));
			const diffs = layers.map((layer) => digests.get(layer) ?? "");
			const config = JSON.stringify({
				architecture: process.arch === "x64" ? "amd64" : process.arch,
				os: "linux",
				config: { Entrypoint: entrypoint, Env: environment },
				rootfs: { type: "layers", diff_ids: diffs.map((digest) => `sha256:${digest}`) },
			});
			const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
			await writeFile(join(content, configName), config);
			manifest.push({ Config: configName, RepoTags: [name], Layers: diffs.map((digest) => `${digest}.tar`) });
		}
		await writeFile(join(content, "manifest.json"), JSON.stringify(manifest));
		await execa("tar", ["-C", content, "-cf", join(work, "archive"), "."]);
		await rename(join(work, "archive"), output);
	} finally {
		await rm(work, { recursive: true, force: true });
	}
}

/** Puts a layer into the archive's folder, under the name of its digest. @returns the digest */
async function addLayer(layer: Layer, work: string, content: string): Promise<string> {
	let tar = join(work, "layer.tar");
	if ("tar" in layer) {
		tar = layer.tar;
	} else {
		const root = await mkdtemp(join(work, "root."));
		for (const [path, source] of Object.entries(layer.files)) {
			await mkdir(dirname(join(root, path)), { recursive: true });
			await copyFile(source, join(root, path));
		}
		const reproducible = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=a+rx"];
		await execa("tar", [...reproducible, "-C", root, "-cf", tar, "."]);
		await rm(root, { recursive: true });
	}
	const digest = await sha256(tar);
	const target = join(content, `${digest}.tar`);
	if (!(await stat(target).catch(() => undefined))) await copyFile(tar, target);
	return digest;
}

async function sha256(path: string): Promise<string> {
	const hash = createHash("sha256");
	for await (const chunk of createReadStream(path)) hash.update(chunk);
	return hash.digest("hex");
}
