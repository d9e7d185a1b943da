import type { Duplex } from "node:stream";
import ssh2, { type Client, type ClientChannel, type ConnectConfig } from "ssh2";
import type { SshTarget } from "./sshTarget.ts";

/** What a remote command left behind. */
export interface RemoteResult {
	stdout: string;
	stderr: string;
	exitCode: number;
}

/** The server could not be reached or was not the one we know: nothing was run. */
export class ConnectionError extends Error {
	override name = "ConnectionError";
	/** Whether something was there: it took the connection or refused it. */
	readonly answered: boolean;

	constructor(message: string, options: { answered?: boolean } = {}) {
		super(message);
		this.answered = options.answered ?? false;
	}
}

/** Something else than the known server was there, or the server has another key now. */
export class HostKeyError extends ConnectionError {
	override name = "HostKeyError";
}

/** Seconds without a word from the server until it is asked for a sign of life, and how many such questions it may leave open. */
const KEEPALIVE = { interval: 15, unanswered: 4 };

/**
 * Runs one command over one verified connection.
 *
 * @param command a constant; whatever varies travels in `input`.
 * @param options `input` is the command's standard input; `timeout` is in seconds and covers the command, not the connection.
 * @throws ConnectionError when there is no connection; Error when the command outlives its time, when it is cut off, or when the
 * server stops answering while it runs, which is noticed within about a minute.
 */
export async function runRemote(
	target: SshTarget,
	command: string,
	options: { input?: string; timeout: number },
): Promise<RemoteResult> {
	const clients: Client[] = [];
	try {
		const client = await connect(target, clients);
		return await execute(client, command, options);
	} finally {
		for (const client of clients.reverse()) {
			client.end();
		}
	}
}

async function connect(target: SshTarget, clients: Client[]): Promise<Client> {
	let sock: Duplex | undefined;
	if (target.bastion) {
		const bastion = await connect(target.bastion, clients);
		sock = await new Promise<ClientChannel>((resolve, reject) =>
			bastion.forwardOut("127.0.0.1", 0, target.host, target.port, (error, channel) =>
				error
					? reject(
							new ConnectionError(
								`${place(target.bastion ?? target)} does not reach ${place(target)}: ${error.message}`,
							),
						)
					: resolve(channel),
			),
		);
	}
	const client = new ssh2.Client();
	clients.push(client);
	const known = knownKey(target);
	let offered: Buffer | undefined;
	const config: ConnectConfig = {
		host: target.host,
		port: target.port,
		username: target.user,
		readyTimeout: target.connectTimeout * 1000,
		keepaliveInterval: KEEPALIVE.interval * 1000,
		keepaliveCountMax: KEEPALIVE.unanswered,
		// Offering only the pinned key's algorithm makes the server show that very key (RFC 4253, section 7.1).
		algorithms: { serverHostKey: [known.type] },
		hostVerifier: (key: Buffer) => {
			offered = key;
			return key.equals(known.blob);
		},
		...(target.privateKey === undefined
			? { agent: process.env["SSH_AUTH_SOCK"] ?? "" }
			: { privateKey: target.privateKey }),
		...(sock ? { sock } : {}),
	};
	// A connection may break more than once (a handshake out of time is cut after that), and a later break surfaces through the
	// channel's close; without a listener each would end the process.
	client.on("error", () => {});
	let answered = false;
	client.once("connect", () => {
		answered = true;
	});
	await new Promise<void>((resolve, reject) => {
		client.once("ready", resolve);
		client.once("error", (error: Error & { code?: string }) => {
			answered ||= error.code === "ECONNREFUSED";
			const unknownKey = offered && !offered.equals(known.blob);
			reject(
				unknownKey
					? new HostKeyError(
							`${place(target)} shows another host key than the pinned one (${target.hostKey}); if the machine was rebuilt, update hostKey after checking it out of band`,
							{ answered },
						)
					: new ConnectionError(`cannot connect to ${place(target)} as ${target.user}: ${error.message}`, { answered }),
			);
		});
		client.connect(config);
	});
	return client;
}

function execute(client: Client, command: string, options: { input?: string; timeout: number }): Promise<RemoteResult> {
	return new Promise((resolve, reject) => {
		const timer = setTimeout(
			() => reject(new Error(`no end after ${options.timeout} s: ${shown(command)}`)),
			options.timeout * 1000,
		);
		let silent = false;
		client.once("error", (error) => {
			silent = error.level === "client-timeout";
		});
		client.exec(command, (error, channel) => {
			if (error) {
				clearTimeout(timer);
				reject(error);
				return;
			}
			const stdout: Buffer[] = [];
			const stderr: Buffer[] = [];
			let exitCode: number | undefined;
			channel.on("data", (chunk: Buffer) => stdout.push(chunk));
			channel.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
			channel.on("exit", (code: number | null) => {
				exitCode = code ?? undefined;
			});
			channel.on("close", () => {
				clearTimeout(timer);
				if (exitCode === undefined) {
					const what = silent ? "the server stopped answering" : "the connection was cut";
					reject(new Error(`${what} while this ran: ${shown(command)}`));
				} else {
					resolve({ stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), exitCode });
				}
			});
			channel.end(options.input ?? "");
		});
	});
}

function knownKey(target: SshTarget): { type: "ssh-ed25519" | "ecdsa-sha2-nistp256"; blob: Buffer } {
	const key = ssh2.utils.parseKey(target.hostKey);
	if (key instanceof Error || Array.isArray(key)) {
		throw new ConnectionError(`the host key of ${place(target)} is not a public key: ${target.hostKey}`);
	}
	return { type: key.type as "ssh-ed25519", blob: key.getPublicSSH() };
}

/** A command as it fits an error text: of a whole script the end, where its name and arguments are. */
function shown(command: string): string {
	const line = command.slice(command.lastIndexOf("\n") + 1);
	return line.length === command.length && line.length <= 120 ? line : `…${line.slice(-120)}`;
}

function place(target: SshTarget): string {
	return target.port === 22 ? target.host : `${target.host}:${target.port}`;
}
