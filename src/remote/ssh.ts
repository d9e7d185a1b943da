import type { Duplex } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type Client, type ClientChannel, type ConnectConfig } from "ssh2";
import { shortened, words } from "../core/values/words.ts";
import { withSlot } from "./bastionSlots.ts";
import { revealSecret } from "./secretFile.ts";
import type { SshTarget } from "./sshTarget.ts";

/** What a remote command left behind. */
export interface RemoteResult {
	stdout: string;
	stderr: string;
	exitCode: number;
}

/**
 * What an attempt to connect met.
 *
 * - `silence`: nothing answered at the machine's address. Only such a machine may be taken for gone.
 * - `cut`: it answered, and the connection broke off before we were let in, as sshd does above its MaxStartups.
 * - `refusal`: it answered, and does not let us in.
 * - `obstacle`: something else failed first (the SSH agent, this machine's network, a bastion): nothing is known of the machine.
 */
export type Met = "silence" | "cut" | "refusal" | "obstacle";

/** There was no connection to the server: nothing was run. */
export class ConnectionError extends Error {
	override name = "ConnectionError";
	readonly met: Met;

	constructor(message: string, { met = "silence" }: { met?: Met } = {}) {
		super(message);
		this.met = met;
	}
}

/** Something else than the known server was there, or the server has another key now. */
export class HostKeyError extends ConnectionError {
	override name = "HostKeyError";
}

/** Seconds without a word from the server until it is asked for a sign of life, and how many such questions it may leave open. */
const KEEPALIVE = { interval: 15, unanswered: 4 };
/**
 * Seconds, about, between the attempts where a connection is cut: each one somewhere between half and one and a half of it, so that
 * those who were cut together do not come back together. At least 15 s and at most 45 s in all.
 */
const PAUSES = [0.3, 0.6, 1.2, 2.5, 5, 10, 10];
/** Seconds for the rest of a command's output to come when the command itself is over. */
const REMAINDER = 2;
/** Bytes that one command may answer. A gateway's table of 100,000 routes is 15 MB. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

/** How one command is run. */
export interface RunOptions {
	/** The command's standard input. */
	input?: string;
	/** Seconds for the command, not for the connection. */
	timeout: number;
	/** What the command is called in errors. Default: the command itself. */
	name?: string;
	/** Takes what comes on standard error, as it comes. */
	onStderr?: (text: string) => void;
	/** A text of standard error after which its own words begin. Default: they begin at once. */
	mark?: string;
}

/**
 * Runs one command over one verified connection. A connection that is cut before we are let in is tried again, for about half a
 * minute; by way of one bastion only a few are made at a time.
 *
 * @param command a constant; whatever varies travels in `input`.
 * @throws ConnectionError when there is no connection; Error when the command outlives its time, when it is cut off, when it answers
 * without end, or when the server stops answering while it runs, which is noticed within about a minute.
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
		// Whoever does not stop talking would keep a connection open that is only half closed.
		leave(clients, done ? "end" : "destroy");
	}
}

/** The machine's address for people, with its port where that is another one than 22. */
export function place(target: Pick<SshTarget, "host" | "port">): string {
	return target.port === 22 ? target.host : `${target.host}:${target.port}`;
}

async function connectPatiently(target: SshTarget, clients: Client[]): Promise<Client> {
	for (const pause of PAUSES) {
		try {
			return await connect(target, clients);
		} catch (error) {
			if (!(error instanceof ConnectionError && error.met === "cut")) throw error;
			leave(clients, "destroy");
			await sleep(pause * (0.5 + Math.random()) * 1000);
		}
	}
	return await connect(target, clients).catch((error: Error) => {
		if (error instanceof ConnectionError && error.met === "cut") {
			error.message += `, at each of ${PAUSES.length + 1} attempts; does its sshd allow enough connections (MaxStartups), and has it processes and memory left?`;
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
	const there = await withSlot(place(bastion), () => connect(bastion, clients)).catch((error: Error) => {
		if (!(error instanceof ConnectionError)) throw error;
		const message = `${place(target)} is reached by way of ${place(bastion)}: ${error.message}`;
		throw new ConnectionError(message, { met: error.met === "cut" ? "cut" : "obstacle" });
	});
	return await dial(target, login, clients, await through(there, bastion, target));
}

/** A channel from the bastion to the machine. */
function through(client: Client, bastion: SshTarget, target: SshTarget): Promise<ClientChannel> {
	return new Promise((resolve, reject) => {
		const fail = (why: string, met: Met) =>
			reject(new ConnectionError(`${place(bastion)} does not reach ${place(target)}: ${why}`, { met }));
		const stopListening = listen(target.connectTimeout);
		const timer = setTimeout(
			() => fail(`no answer within ${target.connectTimeout} s`, stopListening() ? "silence" : "cut"),
			target.connectTimeout * 1000,
		);
		client.forwardOut("127.0.0.1", 0, target.host, target.port, (error, channel) => {
			clearTimeout(timer);
			stopListening();
			if (error) fail(words(error.message), metBeyond(error));
			else resolve(channel);
		});
	});
}

/** What a bastion met, as far as it says: OpenSSH says it in the C library's words. RFC 4254, section 5.1, has the reasons. */
function metBeyond({ message, reason }: Error & { reason?: unknown }): Met {
	const [CONNECT_FAILED, RESOURCE_SHORTAGE] = [2, 4];
	if (reason === RESOURCE_SHORTAGE || reason === undefined) return "cut";
	if (reason !== CONNECT_FAILED) return "obstacle";
	if (/connection refused/i.test(message)) return "refusal";
	return /no route to host|connection timed out|host is down/i.test(message) ? "silence" : "obstacle";
}

/** Who we are to a machine, and whom we know it by. */
interface Login {
	readonly whom: string;
	readonly known: HostKey;
	readonly auth: Pick<ConnectConfig, "agent" | "privateKey">;
}

/** Fails for what is missing in the settings, before anything on the way to the machine is dialed. */
function loginOf(target: SshTarget): Login {
	const known = knownKey(target);
	const agent = process.env["SSH_AUTH_SOCK"] ?? "";
	const whom = `cannot connect to ${place(target)} as ${target.user}`;
	if (target.privateKey === undefined && agent === "") {
		throw new ConnectionError(
			`${whom}: the key is the SSH agent's, and there is none (SSH_AUTH_SOCK is not set); start one, and ssh-add`,
			{ met: "obstacle" },
		);
	}
	const privateKey = keyOf(target, whom);
	return { whom, known, auth: privateKey === undefined ? { agent } : { privateKey } };
}

/** @param sock a way there that a bastion gave. */
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
		// Offering only the pinned key's algorithm makes the server show that very key (RFC 4253, section 7.1).
		algorithms: { serverHostKey: [known.type] },
		hostVerifier: (key: Buffer) => {
			offered = key;
			return key.equals(known.blob);
		},
		...auth,
		...(sock ? { sock } : {}),
	};
	// A connection may break more than once (a handshake out of time is cut after that), and a later break surfaces through the
	// channel's close; without a listener each would end the process.
	client.on("error", () => {});
	// A channel that a bastion opened leads to a machine that took the connection.
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
				reject(new HostKeyError(`${place(target)} ${why}; ${next}`, { met: "refusal" }));
			} else if (/no matching host key/.test(error.message)) {
				const why = `has no host key of the pinned one's type, ${known.type}`;
				const next =
					"update hostKey after checking it out of band, or have its sshd show that key (HostKey in sshd_config)";
				reject(new HostKeyError(`${place(target)} ${why}; ${next}`, { met: "refusal" }));
			} else {
				const unheard = error.level === "client-timeout" && !listened;
				const why = `${whom}: ${words(error.message)}${unheard ? "; this computer was too busy to hear an answer" : ""}`;
				reject(new ConnectionError(why, { met: unheard ? "cut" : metBy(error, answered) }));
			}
		});
		// Once the server has said what it is, a break is no error to ssh2.
		client.once("close", () =>
			reject(
				new ConnectionError(`${whom}: the connection was closed during the handshake`, {
					met: answered ? "cut" : "silence",
				}),
			),
		);
		try {
			client.connect(config);
		} catch (error) {
			reject(new ConnectionError(`${whom}: ${(error as Error).message}`, { met: "obstacle" }));
		}
	}).finally(stopListening);
	return client;
}

/**
 * Watches whether this process is there to hear an answer: on a busy computer the time for one may pass before the answer, which is
 * there, is looked at. @returns what ends that, and says whether less than half a second, or a fifth of the time, was lost at once.
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

/** The private key itself; undefined where it is the agent's. */
function keyOf({ privateKey }: SshTarget, whom: string): string | undefined {
	try {
		return privateKey === undefined ? undefined : revealSecret(privateKey, "the private key");
	} catch (error) {
		throw new ConnectionError(`${whom}: ${(error as Error).message}`, { met: "obstacle" });
	}
}

type SshError = Error & { code?: string; level?: string };

/** @param answered whether the machine had taken the connection by then. */
function metBy({ code, level, message }: SshError, answered: boolean): Met {
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
	const name = options.name ?? shown(command);
	return new Promise((resolve, reject) => {
		const stdout: Buffer[] = [];
		const stderr: Buffer[] = [];
		// What came until then is the best there is to tell why.
		const said = () => {
			const heard = Buffer.concat(stderr).toString();
			const last = words(options.mark === undefined ? heard : (heard.split(options.mark).at(-1) ?? ""));
			return last === "" ? "" : `; it had said: ${last}`;
		};
		const timer = setTimeout(
			() => reject(new Error(`no end after ${options.timeout} s: ${name}${said()}`)),
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
				else fail(new Error(`more than ${LONGEST_ANSWER / 1024 / 1024} MiB came as the answer to: ${name}`));
			};
			let exitCode: number | undefined;
			channel.on("data", keep(stdout));
			channel.stderr.on("data", keep(stderr));
			const decoder = new StringDecoder("utf8");
			channel.stderr.on("data", (chunk: Buffer) => options.onStderr?.(decoder.write(chunk)));
			channel.on("exit", (code: number | null) => {
				exitCode = code ?? undefined;
				clearTimeout(timer);
				// A child of it that lives on may hold its output open for good.
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
	readonly type: "ssh-ed25519" | "ecdsa-sha2-nistp256";
	readonly blob: Buffer;
}

function knownKey(target: SshTarget): HostKey {
	const key = ssh2.utils.parseKey(target.hostKey);
	if (key instanceof Error || Array.isArray(key)) {
		const message = `the host key of ${place(target)} is not a public key: ${target.hostKey}`;
		throw new ConnectionError(message, { met: "obstacle" });
	}
	return { type: key.type as "ssh-ed25519", blob: key.getPublicSSH() };
}

/** A command as it fits an error text. */
function shown(command: string): string {
	return shortened(command, 120);
}
