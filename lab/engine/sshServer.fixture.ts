import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createConnection, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";

/** A real OpenSSH server on the loopback address, for tests. */
export interface SshServer {
	readonly port: number;
	/** Its public key, and another one that is not its. */
	readonly hostKey: string;
	readonly otherKey: string;
	/** The private key that gets in, as the user who runs the tests. */
	readonly keyFile: string;
	stop(): Promise<void>;
}

/** Starts `sshd` on a free port with keys made for it in the folder, and waits until it listens. */
export async function startSshServer(sshd: string, folder: string): Promise<SshServer> {
	const keys = Object.fromEntries(
		["host", "other", "client"].map((name) => [name, join(folder, `${name}_ed25519`)] as const),
	);
	for (const file of Object.values(keys)) await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
	const publicKey = async (name: string) => (await readFile(`${keys[name]}.pub`, "utf8")).trim();
	await writeFile(join(folder, "authorized_keys"), `${await publicKey("client")}\n`);
	// Its privilege separation insists on this folder.
	await mkdir("/run/sshd", { recursive: true });
	const port = await freePort();
	const config = {
		ListenAddress: "127.0.0.1",
		Port: port,
		HostKey: keys["host"],
		AuthorizedKeysFile: join(folder, "authorized_keys"),
		AllowUsers: userInfo().username,
		PermitRootLogin: "prohibit-password",
		PasswordAuthentication: "no",
		UsePAM: "no",
		StrictModes: "no",
		PidFile: "none",
		Subsystem: "sftp internal-sftp",
	};
	const lines = Object.entries(config).map(([key, value]) => `${key} ${value}`);
	await writeFile(join(folder, "sshd_config"), `${lines.join("\n")}\n`);
	const server = execa(sshd, ["-D", "-e", "-f", join(folder, "sshd_config")], { reject: false });
	await Promise.race([listening(port), server.then((end) => Promise.reject(new Error(`sshd ended: ${end.stderr}`)))]);
	return {
		port,
		hostKey: await publicKey("host"),
		otherKey: await publicKey("other"),
		keyFile: keys["client"] ?? "",
		async stop() {
			server.kill();
			await server;
		},
	};
}

function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer().once("error", reject);
		server.listen(0, "127.0.0.1", () => {
			const address = server.address();
			server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
		});
	});
}

/** Resolves when something answers on the port; gives up after ten seconds. */
async function listening(port: number): Promise<void> {
	for (const end = Date.now() + 10_000; Date.now() < end; ) {
		const up = await new Promise<boolean>((resolve) => {
			const socket = createConnection(port, "127.0.0.1");
			socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
			socket.once("connect", () => socket.end());
		});
		if (up) return;
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
	throw new Error(`sshd does not listen on 127.0.0.1:${port}`);
}
