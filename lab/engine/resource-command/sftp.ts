import { posix } from "node:path";
import { promisify } from "node:util";
import type { Client, SFTPWrapper, Stats } from "ssh2";

/** The file operations on the remote machine that a copy needs. */
export interface RemoteFiles {
	/** Undefined when the path does not exist. */
	stat(path: string): Promise<Stats | undefined>;
	/** Creates or overwrites a file. The server chooses the mode of a new one. */
	write(path: string, content: Buffer): Promise<void>;
	/** Makes a folder, and those above it. */
	makeFolders(path: string): Promise<void>;
}

/** The status with which a server says that a file does not exist. */
const noSuchFile = 2;

/** Starts the file transfer subsystem of a connection. */
export async function remoteFiles(client: Client): Promise<RemoteFiles> {
	const sftp = await new Promise<SFTPWrapper>((resolve, reject) =>
		client.sftp((error, opened) => (error ? reject(error) : resolve(opened))),
	);
	const stat = async (path: string): Promise<Stats | undefined> => {
		try {
			return await promisify<string, Stats>(sftp.stat.bind(sftp))(path);
		} catch (error) {
			if ((error as { code?: number }).code === noSuchFile) return undefined;
			throw new Error(`failed to stat remote path ${path}: ${(error as Error).message}`);
		}
	};
	const makeFolders = async (path: string): Promise<void> => {
		const found = await stat(path);
		if (found?.isDirectory()) return;
		if (found) throw new Error(`remote path ${path} exists but is not a directory`);
		await makeFolders(posix.dirname(path));
		await new Promise<void>((resolve, reject) =>
			sftp.mkdir(path, (error) =>
				error ? reject(new Error(`failed to create remote directory ${path}: ${error.message}`)) : resolve(),
			),
		);
	};
	const write = (path: string, content: Buffer): Promise<void> =>
		new Promise((resolve, reject) =>
			sftp.writeFile(path, content, (error) =>
				error ? reject(new Error(`failed to create remote file ${path}: ${(error as Error).message}`)) : resolve(),
			),
		);
	return { stat, write, makeFolders };
}
