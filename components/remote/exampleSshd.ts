import { spawn } from "node:child_process";
import net, { type AddressInfo } from "node:net";
import ssh2, { type AcceptConnection, type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { makeHostKeyPair } from "./hostKeyPair.ts";
import type { RemoteResult } from "./ssh.ts";
import type { SshTarget } from "./sshTarget.ts";

/** Runs what came by an exec request, in place of a login shell. */
export type Answer = (command: string, channel: ServerChannel) => void;

export interface ExampleSshd {
	/** How it is reached, with a key that it takes. */
	readonly target: SshTarget;
	/** How many connections were dropped before their handshake. */
	readonly dropped: () => number;
	/** The most connections whose handshake was under way at a time. */
	readonly most: () => number;
	/** All that came after a handshake so far, as `connection`, `authentication`, `exec` and `forward`, in order. */
	readonly seen: () => readonly string[];
	/** From now on it shows another host key; `target` stays as it is. */
	readonly changeHostKey: (type: "ed25519" | "ecdsa") => void;
	stop(): Promise<void>;
}

export interface SshdOptions {
	readonly answer?: Answer;
	/** Whether it takes the user's key. Default: yes. */
	readonly authentication?: (context: AuthContext) => void;
	/** What becomes of a channel to another machine. Default: it is opened. */
	readonly forward?: "open" | "prohibit";
	/** As sshd_config(5) has MaxStartups: from so many handshakes on, with so many per cent, and from so many on all. Default: no limit. */
	readonly maxStartups?: readonly [start: number, rate: number, full: number];
	/** How many connections are dropped before that, as when others hold all there are. Default: 0. */
	readonly dropFirst?: number;
}

const KEY = makeHostKeyPair();

/** For tests: an SSH server on the loopback. */
export async function exampleSshd({
	answer = (_, channel) => {
		channel.exit(0);
		channel.end();
	},
	authentication = (context) => context.accept(),
	forward = "open",
	maxStartups = [Number.POSITIVE_INFINITY, 0, Number.POSITIVE_INFINITY],
	dropFirst = 0,
}: SshdOptions): Promise<ExampleSshd> {
	const hostKey = makeHostKeyPair();
	let [dropped, handshakes, most] = [0, 0, 0];
	const seen: string[] = [];
	const sockets = new Set<net.Socket>();
	const serve = (client: Connection) => {
		client.on("error", () => {});
		client.on("authentication", (context) => {
			seen.push("authentication");
			authentication(context);
		});
		client.on("ready", () => {
			client.on("session", (accept) => {
				accept().on("exec", (accept: AcceptConnection<ServerChannel>, _, { command }) => {
					seen.push("exec");
					const channel = accept();
					channel.on("error", () => {});
					answer(command, channel);
				});
			});
			client.on("tcpip", (accept, reject, { destIP, destPort }) => {
				seen.push("forward");
				if (forward === "prohibit") return reject();
				const channel = accept();
				const onward = net.connect(destPort, destIP);
				channel.pipe(onward).pipe(channel);
				for (const end of [channel, onward]) end.on("error", () => {});
				sockets.add(onward);
			});
		});
	};
	let server = new ssh2.Server({ hostKeys: [hostKey.privateKey] }, serve);
	const front = net.createServer((socket) => {
		sockets.add(socket);
		seen.push("connection");
		socket.on("error", () => {});
		const [start, rate, full] = maxStartups;
		const share = handshakes >= full ? 100 : rate + ((100 - rate) * (handshakes - start)) / (full - start);
		if (dropped < dropFirst || (handshakes >= start && Math.random() * 100 < share)) {
			dropped++;
			socket.destroy();
			return;
		}
		most = Math.max(most, ++handshakes);
		let over = false;
		const end = () => {
			if (!over) handshakes--;
			over = true;
		};
		socket.on("close", end);
		// sshd counts a connection until somebody is logged in.
		setTimeout(end, 30);
		setTimeout(() => server.injectSocket(socket), 20);
	});
	await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
	const { port } = front.address() as AddressInfo;
	return {
		target: {
			...{ host: "127.0.0.1", port, user: "root", hostKey: hostKey.publicKey, connectTimeout: 5 },
			privateKey: KEY.privateKey,
		},
		dropped: () => dropped,
		most: () => most,
		seen: () => seen,
		changeHostKey: (type) => {
			const key = type === "ed25519" ? makeHostKeyPair().privateKey : ecdsaKey();
			server = new ssh2.Server({ hostKeys: [key] }, serve);
		},
		stop: async () => {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => front.close(resolve));
		},
	};
}

function ecdsaKey(): string {
	return ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 }).private;
}

/** Has a shell run it, as sshd has the user's login shell do. @param cwd the user's home. Default: this process's folder. */
export function loginShell(shell: string, env: NodeJS.ProcessEnv = process.env, cwd?: string): Answer {
	return (command, channel) => {
		const child = spawn(shell, ["-c", command], { env, cwd });
		channel.pipe(child.stdin);
		child.stdin.on("error", () => {});
		child.stdout.pipe(channel, { end: false });
		child.stderr.pipe(channel.stderr, { end: false });
		child.on("close", (code) => {
			channel.exit(code ?? 1);
			channel.end();
		});
	};
}

/** Runs this in the place of whichever script is sent (shell.ts), so that nothing of it happens on this machine. */
export function answering(body: string): Answer {
	return (command, channel) => {
		// The first line of standard input is the program: what is between its brackets is replaced.
		const replace = '/^\\(set/ { print; print ENVIRON["BODY"]; skip = 1 } /^\\)$/ { skip = 0 } !skip';
		const inside = `head -n 1 | base64 -d | awk '${replace}' | /bin/sh`;
		if (!command.startsWith("exec /bin/sh -c ")) throw new Error(command);
		loginShell("/bin/sh", { ...process.env, BODY: body })(inside, channel);
	};
}

/** Answers the scripts that are sent (shell.ts), by their name, arguments and standard input, as a machine with a shell would. */
export function scripted(
	answer: (name: string, args: readonly string[], input: string) => Partial<RemoteResult>,
): Answer {
	return (command, channel) => {
		const chunks: Buffer[] = [];
		channel.on("data", (chunk: Buffer) => chunks.push(chunk));
		channel.on("end", () => {
			const sent = Buffer.concat(chunks).toString();
			const begin = sent.indexOf("\n");
			const program = Buffer.from(sent.slice(0, begin), "base64").toString();
			const mark = /^echo (\S+);/.exec(program)?.[1];
			const args = [...(/^\(set -- (.*)$/m.exec(program)?.[1] ?? "").matchAll(/'([^']*)'/g)].map(
				([, word = ""]) => word,
			);
			const name = command.split(" ").at(-1) ?? "";
			const { stdout = "", stderr = "", exitCode = 0 } = answer(name, args, sent.slice(begin + 1));
			channel.write(`${mark}\n${stdout}\n${mark} ${exitCode}\n`);
			channel.stderr.write(`${mark}\n${stderr}`);
			channel.exit(0);
			channel.end();
		});
	};
}
