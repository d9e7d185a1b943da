import type { Duplex } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type Client, type ClientChannel, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import { shortened, words } from "../core/values/words.ts";
import { withSlot } from "./bastionSlots.ts";
import { revealSecret } from "./secretFile.ts";
import type { SshTarget } from "./sshTarget.ts";

/** The output and exit code of a remote command. */
export interface RemoteResult {
	stdout: string;
	stderr: string;
	exitCode: number;
}

/**
 * How an attempt to connect failed.
 *
 * - `silence`: nothing answered at the machine's address. Only such a machine may count as gone.
 * - `cut`: the machine answered, and closed the connection before the login, as sshd does above its MaxStartups.
 * - `refusal`: the machine answered, and refused the connection or the login.
 * - `obstacle`: something else failed first (the SSH agent, this machine's network, a bastion), so the machine's state is
 * unknown.
 */
export type FailureKind = "silence" | "cut" | "refusal" | "obstacle";

/** The connection to the server failed. The command was not run. */
export class ConnectionError extends Error {
	override name = "ConnectionError";
	readonly kind: FailureKind;

	constructor(message: string, { kind = "silence" }: { kind?: FailureKind } = {}) {
		super(message);
		this.kind = kind;
	}
}

/** The server's host key is not the pinned one: another machine answered, or the server has a new key. */
export class HostKeyError extends ConnectionError {
	override name = "HostKeyError";
}

/** The seconds between keepalive requests while the server is silent, and the number of requests that it may leave unanswered. */
const KEEPALIVE = { interval: 15, unanswered: 4 };
/**
 * Seconds between attempts after a cut connection. Each pause is multiplied by a random factor from 0.5 to 1.5, so that clients
 * that were cut together do not return together. All pauses take 15 s to 45 s.
 */
const PAUSES = [0.3, 0.6, 1.2, 2.5, 5, 10, 10];
/** Seconds in which the rest of a command's output may arrive after the command has exited. */
const REMAINDER = 2;
/** The most bytes of a command's output. A gateway's table of 100,000 routes has 15 MB. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

/** How to run a command. */
export interface RunOptions {
	/** The command's standard input. */
	input?: string;
	/** Seconds for the command, without the connection. */
	timeout: number;
	/** The command's name in errors. Default: the command itself. */
	name?: string;
	/** Called with each piece of standard error as it arrives. Default: none. */
	onStderr?: (text: string) => void;
	/** Errors only quote standard error after this text. Default: all of it. */
	mark?: string;
}

/**
 * Runs one command over one verified connection. A connection that is cut before the login is tried again for about half a
 * minute. Through one bastion, only a few connections are made at a time.
 *
 * @param command a constant. Anything that varies must be in `input`.
 * @throws ConnectionError if the connection fails. Error if the command exceeds its time or prints too much, if the connection
 * is cut, or if the server stops answering, which is noticed within about a minute.
 */
export async function runRemote(target: SshTarget, command: string, options: RunOptions): Promise<RemoteResult> {
	const clients: Client[] = [];
	let done = false;
	try {
		const client = await connectPatiently(target, clients);
		const result = await execute(client, command, options);
		done = true;
		return result;
	} finally {
		// A server that keeps sending would keep a half-closed connection open, so a failed one is destroyed.
		leave(clients, done ? "end" : "destroy");
	}
}

/** The machine's address for messages, with its port unless that is 22. */
export function hostAndPort(target: Pick<SshTarget, "host" | "port">): string {
	return target.port === 22 ? target.host : `${target.host}:${target.port}`;
}

async function connectPatiently(target: SshTarget, clients: Client[]): Promise<Client> {
	for (const pause of PAUSES) {
		try {
			return await connect(target, clients);
		} catch (error) {
			if (!(error instanceof ConnectionError && error.kind === "cut")) throw error;
			leave(clients, "destroy");
			await sleep(pause * (0.5 + Math.random()) * 1000);
		}
	}
	return await connect(target, clients).catch((error: Error) => {
		if (error instanceof ConnectionError && error.kind === "cut") {
			error.message += `, at each of ${PAUSES.length + 1} attempts; check that its sshd allows enough connections (MaxStartups), and that it has free processes and memory`;
		}
		throw error;
	});
}

function leave(clients: Client[], by: "end" | "destroy"): void {
	for (const client of clients.splice(0).reverse()) client[by]();
}

async function connect(target: SshTarget, clients: Client[]): Promise<Client> {
	const { bastion } = target;
	const login = loginOf(target);
	if (!bastion) return await dial(target, login, clients);
	const there = await withSlot(hostAndPort(bastion), () => connect(bastion, clients)).catch((error: Error) => {
		if (!(error instanceof ConnectionError)) throw error;
		const message = `${hostAndPort(target)} is reached through ${hostAndPort(bastion)}: ${error.message}`;
		throw new ConnectionError(message, { kind: error.kind === "cut" ? "cut" : "obstacle" });
	});
	return await dial(target, login, clients, await through(there, bastion, target));
}

/** Opens a channel from the bastion to the machine. */
function through(client: Client, bastion: SshTarget, target: SshTarget): Promise<ClientChannel> {
	return new Promise((resolve, reject) => {
		const fail = (why: string, kind: FailureKind) =>
			reject(new ConnectionError(`${hostAndPort(bastion)} does not reach ${hostAndPort(target)}: ${why}`, { kind }));
		const stopListening = listen(target.connectTimeout);
		const timer = setTimeout(
			() => fail(`it did not answer within ${target.connectTimeout} s`, stopListening() ? "silence" : "cut"),
			target.connectTimeout * 1000,
		);
		client.forwardOut("127.0.0.1", 0, target.host, target.port, (error, channel) => {
			clearTimeout(timer);
			stopListening();
			if (error) fail(words(error.message), kindBeyond(error));
			else resolve(channel);
		});
	});
}

/** How the bastion's connection failed. The codes are in RFC 4254, section 5.1; OpenSSH's texts are the C library's. */
function kindBeyond({ message, reason }: Error & { reason?: unknown }): FailureKind {
	const [CONNECT_FAILED, RESOURCE_SHORTAGE] = [2, 4];
	if (reason === RESOURCE_SHORTAGE || reason === undefined) return "cut";
	if (reason !== CONNECT_FAILED) return "obstacle";
	if (/connection refused/i.test(message)) return "refusal";
	return /no route to host|connection timed out|host is down/i.test(message) ? "silence" : "obstacle";
}

/** How to log in to a machine, and its pinned host key. */
interface Login {
	/** The beginning of errors. */
	readonly whom: string;
	readonly known: HostKey;
	readonly auth: Pick<ConnectConfig, "agent" | "privateKey">;
}

/** Checks the settings of a login before any connection is made. @throws ConnectionError if a key or the agent is missing. */
function loginOf(target: SshTarget): Login {
	const known = knownKey(target);
	const agent = process.env["SSH_AUTH_SOCK"] ?? "";
	const whom = `cannot connect to ${hostAndPort(target)} as ${target.user}`;
	if (target.privateKey === undefined && agent === "") {
		throw new ConnectionError(
			`${whom}: the key is in the SSH agent, but SSH_AUTH_SOCK is not set; start an agent, and run ssh-add`,
			{ kind: "obstacle" },
		);
	}
	const privateKey = keyOf(target, whom);
	return { whom, known, auth: privateKey === undefined ? { agent } : { privateKey } };
}

/** Connects and logs in. @param sock a channel from a bastion. Default: a new TCP connection. */
async function dial(
	target: SshTarget,
	{ whom, known, auth }: Login,
	clients: Client[],
	sock?: Duplex,
): Promise<Client> {
	const client = new ssh2.Client();
	clients.push(client);
	let offered: Buffer | undefined;
	const config: ConnectConfig = {
		host: target.host,
		port: target.port,
		username: target.user,
		readyTimeout: target.connectTimeout * 1000,
		keepaliveInterval: KEEPALIVE.interval * 1000,
		keepaliveCountMax: KEEPALIVE.unanswered,
		// The server shows its key of the only offered algorithm, which is the pinned key's (RFC 4253, section 7.1).
		algorithms: { serverHostKey: [known.type] },
		hostVerifier: (key: Buffer) => {
			offered = key;
			return key.equals(known.blob);
		},
		...auth,
		...(sock ? { sock } : {}),
	};
	// A connection may emit several errors: after a handshake times out, it is also cut. Without a listener each would end the
	// process. Errors after the login also close the channel, which is handled there.
	client.on("error", () => {});
	// A bastion only opens a channel to a machine that accepted the connection.
	let answered = sock !== undefined;
	client.once("connect", () => {
		answered = true;
	});
	const stopListening = listen(target.connectTimeout);
	await new Promise<void>((resolve, reject) => {
		client.once("ready", resolve);
		client.once("error", (error: SshError) => {
			const listened = stopListening();
			if (offered && !offered.equals(known.blob)) {
				const why = `shows another host key than the pinned one (${target.hostKey})`;
				const next = "if the machine was rebuilt, update hostKey after checking it out of band";
				reject(new HostKeyError(`${hostAndPort(target)} ${why}; ${next}`, { kind: "refusal" }));
			} else if (/no matching host key/.test(error.message)) {
				const why = `does not have a host key of the pinned key's type, ${known.type}`;
				const next =
					"update hostKey after checking it out of band, or let its sshd show that key (HostKey in sshd_config)";
				reject(new HostKeyError(`${hostAndPort(target)} ${why}; ${next}`, { kind: "refusal" }));
			} else {
				const unheard = error.level === "client-timeout" && !listened;
				const why = `${whom}: ${words(error.message)}${unheard ? "; this computer was too busy to notice an answer" : ""}`;
				reject(new ConnectionError(why, { kind: unheard ? "cut" : kindOf(error, answered) }));
			}
		});
		// After the server's identification, ssh2 does not emit an error for a closed connection.
		client.once("close", () =>
			reject(
				new ConnectionError(`${whom}: the connection was closed during the handshake`, {
					kind: answered ? "cut" : "silence",
				}),
			),
		);
		try {
			client.connect(config);
		} catch (error) {
			reject(new ConnectionError(`${whom}: ${(error as Error).message}`, { kind: "obstacle" }));
		}
	}).finally(stopListening);
	return client;
}

/**
 * Watches whether this process runs often enough to notice an answer. On a busy computer, the time limit may pass before the
 * process looks at an answer that has arrived.
 *
 * @param seconds the time limit.
 * @returns ends the watch, and tells whether every pause of the process was short: below half a second, or below a fifth of the
 * limit.
 */
function listen(seconds: number): () => boolean {
	let [last, longest] = [performance.now(), 0];
	const look = () => {
		longest = Math.max(longest, performance.now() - last);
		last = performance.now();
	};
	const timer = setInterval(look, 100).unref();
	return () => {
		clearInterval(timer);
		look();
		return longest < Math.max(500, seconds * 200);
	};
}

/** The text of the private key; undefined if the agent has it. */
function keyOf({ privateKey }: SshTarget, whom: string): string | undefined {
	try {
		return privateKey === undefined ? undefined : revealSecret(privateKey, "the private key");
	} catch (error) {
		throw new ConnectionError(`${whom}: ${(error as Error).message}`, { kind: "obstacle" });
	}
}

type SshError = Error & { code?: string; level?: string };

/** @param answered whether the machine had accepted the connection before the error. */
function kindOf({ code, level, message }: SshError, answered: boolean): FailureKind {
	if (level === "agent") return "obstacle";
	if (answered) {
		const broke = code === "ECONNRESET" || code === "EPIPE" || /^Connection lost/.test(message);
		return broke ? "cut" : "refusal";
	}
	if (code === "ECONNREFUSED") return "refusal";
	if (code === "ECONNRESET") return "cut";
	const silent = level === "client-timeout" || ["ETIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN"].includes(code ?? "");
	return silent ? "silence" : "obstacle";
}

function execute(client: Client, command: string, options: RunOptions): Promise<RemoteResult> {
	const name = options.name ?? shortened(command, 120);
	return new Promise((resolve, reject) => {
		const stdout: Buffer[] = [];
		const stderr: Buffer[] = [];
		// The output so far may tell the reason.
		const said = () => {
			const heard = Buffer.concat(stderr).toString();
			const last = words(options.mark === undefined ? heard : (heard.split(options.mark).at(-1) ?? ""));
			return last === "" ? "" : `; its output until then: ${last}`;
		};
		const timer = setTimeout(
			() => reject(new Error(`this did not end within ${options.timeout} s: ${name}${said()}`)),
			options.timeout * 1000,
		);
		const fail = (error: Error) => {
			clearTimeout(timer);
			reject(error);
		};
		let silent = false;
		client.once("error", (error) => {
			silent = error.level === "client-timeout";
		});
		client.exec(command, (error, channel) => {
			if (error) return fail(error);
			let length = 0;
			const keep = (chunks: Buffer[]) => (chunk: Buffer) => {
				length += chunk.length;
				if (length <= LONGEST_ANSWER) chunks.push(chunk);
				else fail(new Error(`this printed more than ${LONGEST_ANSWER / 1024 / 1024} MiB: ${name}`));
			};
			let exitCode: number | undefined;
			channel.on("data", keep(stdout));
			channel.stderr.on("data", keep(stderr));
			const decoder = new StringDecoder("utf8");
			channel.stderr.on("data", (chunk: Buffer) => options.onStderr?.(decoder.write(chunk)));
			channel.on("exit", (code: number | null) => {
				exitCode = code ?? undefined;
				clearTimeout(timer);
				// A child process that lives on may keep the output open forever.
				setTimeout(finish, REMAINDER * 1000).unref();
			});
			channel.on("close", finish);
			function finish() {
				clearTimeout(timer);
				if (exitCode === undefined) {
					const what = silent ? "the server stopped answering" : "the connection was cut";
					reject(new Error(`${what} while this ran: ${name}${said()}`));
				} else {
					resolve({ stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString(), exitCode });
				}
			}
			channel.end(options.input ?? "");
		});
	});
}

interface HostKey {
	readonly type: ServerHostKeyAlgorithm;
	readonly blob: Buffer;
}

function knownKey(target: SshTarget): HostKey {
	const key = ssh2.utils.parseKey(target.hostKey);
	if (key instanceof Error || Array.isArray(key)) {
		const message = `the host key of ${hostAndPort(target)} is not a public key: ${target.hostKey}`;
		throw new ConnectionError(message, { kind: "obstacle" });
	}
	return { type: key.type as ServerHostKeyAlgorithm, blob: key.getPublicSSH() };
}
