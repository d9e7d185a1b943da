import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { isArchive, isAsset, isObject, type Value, type Values } from "../protocol/values.ts";
import { withConnection } from "./connection.ts";
import { connectionOf } from "./connectionArgs.ts";
import { type Kind, text, type Work } from "./kind.ts";
import { type RemoteFiles, remoteFiles } from "./sftp.ts";

/** `command:remote:CopyToRemote`. The state has the engine's hash of what was copied. Deleting the resource does not delete the copy. */
export const copyToRemote: Kind = {
	inputs: new Set(["connection", "source", "remotePath", "triggers"]),
	required: ["connection", "source", "remotePath"],
	outputs: [],
	idPrefix: () => "",
	async create(inputs, work) {
		await copy(inputs, work);
		return {};
	},
	async update(olds, news, work) {
		const moved = olds["remotePath"] !== news["remotePath"];
		if (moved || hash(olds["source"]) !== hash(news["source"])) await copy(news, work);
		return {};
	},
	async delete() {},
};

function hash(source: Value | undefined): Value | undefined {
	return isObject(source) ? source["hash"] : undefined;
}

async function copy(inputs: Values, work: Work): Promise<void> {
	const source = inputs["source"];
	const to = text(inputs["remotePath"]) ?? "";
	await withConnection(connectionOf(inputs["connection"]), work, async (client) => {
		const files = await remoteFiles(client);
		const path = isAsset(source) || isArchive(source) ? text(source["path"]) : undefined;
		const content = isAsset(source) ? text(source["text"]) : undefined;
		const entries = isArchive(source) && isObject(source["assets"]) ? source["assets"] : undefined;
		if (path) await copyPath(files, path, to);
		else if (entries) await copyEntries(files, entries, to);
		else if (content !== undefined) await copyText(files, content, to);
		else
			throw new Error("the lab's stand-in copies files, folders and texts, not addresses (RemoteAsset, RemoteArchive)");
	});
}

/**
 * Copies by the official rules. A file becomes the path, or goes into it if that is a folder. A folder goes into the path under its own
 * name; if its name ends with a slash, only its content goes there.
 */
async function copyPath(files: RemoteFiles, from: string, to: string): Promise<void> {
	const there = await files.stat(to);
	if (!(await stat(from)).isDirectory()) {
		if (!there) await files.makeFolders(posix.dirname(to));
		const path = there?.isDirectory() ? posix.join(to, basename(from)) : to;
		return files.write(path, await readFile(from));
	}
	await files.makeFolders(to);
	await copyFolder(files, from, from.endsWith("/") ? to : posix.join(to, basename(from)));
}

async function copyFolder(files: RemoteFiles, from: string, to: string): Promise<void> {
	await files.makeFolders(to);
	for (const entry of await readdir(from, { withFileTypes: true })) {
		const [source, target] = [join(from, entry.name), posix.join(to, entry.name)];
		if ((await stat(source)).isDirectory()) await copyFolder(files, source, target);
		else await files.write(target, await readFile(source));
	}
}

async function copyText(files: RemoteFiles, content: string, to: string): Promise<void> {
	if ((await files.stat(to))?.isDirectory()) {
		throw new Error(`remote path ${to} is a directory; when using a text asset, remotePath must be a file path`);
	}
	await files.makeFolders(posix.dirname(to));
	await files.write(to, Buffer.from(content));
}

async function copyEntries(files: RemoteFiles, entries: Values, to: string): Promise<void> {
	await files.makeFolders(to);
	for (const [name, entry] of Object.entries(entries)) {
		const target = posix.join(to, name);
		const path = isObject(entry) ? text(entry["path"]) : undefined;
		const content = isObject(entry) ? text(entry["text"]) : undefined;
		const nested = isArchive(entry) && isObject(entry["assets"]) ? entry["assets"] : undefined;
		await files.makeFolders(posix.dirname(target));
		if (nested) await copyEntries(files, nested, target);
		else if (path && (await stat(path)).isDirectory()) await copyFolder(files, path, target);
		else if (path) await files.write(target, await readFile(path));
		else if (content !== undefined) await files.write(target, Buffer.from(content));
		else throw new Error(`the lab's stand-in cannot copy the archive's entry ${name}`);
	}
}
