import type { Client, ConnectConfig, ServerHostKeyAlgorithm } from "ssh2";
import { messageOf } from "../../../src/core/values/messageOf.ts";
import type { Connection, Endpoint } from "./connectionArgs.ts";
import { parseHostKey } from "./hostKey.ts";
import type { Work } from "./kind.ts";
import { withRetries } from "./retry.ts";

/**
 * Opens an SSH connection, through the bastion if there is one, and closes it when the work is done.
 * @throws Error when a key cannot be read, or after `dialErrorLimit` failed attempts.
 */
export async function withConnection<Result>(
	connection: Connection,
	work: Work,
	use: (client: Client) => Promise<Result>,
): Promise<Result> {
	const open: Client[] = [];
	const close = () => {
		for (const client of open.splice(0).reverse()) client.end();
	};
	work.signal.addEventListener("abort", close);
	try {
		const client = await dial(connection, work, open);
		return await use(client);
	} finally {
		work.signal.removeEventListener("abort", close);
		close();
	}
}

async function dial(connection: Connection, work: Work, open: Client[]): Promise<Client> {
	const config = await clientConfig(connection);
	const attempt = async (sock?: ConnectConfig["sock"]) => {
		const client = await handshake(connection, sock === undefined ? config : { ...config, sock });
		open.push(client);
		return client;
	};
	const { proxy } = connection;
	if (proxy === undefined) return withRetries("Dial", connection.dialErrorLimit, work, () => attempt());
	try {
		const proxyConfig = await clientConfig(proxy);
		const bastion = await withRetries("Dial proxy", proxy.dialErrorLimit, work, () => handshake(proxy, proxyConfig));
		open.push(bastion);
		return await withRetries("Dial from proxy", connection.dialErrorLimit, work, async () =>
			attempt(await forward(bastion, connection)),
		);
	} catch (error) {
		throw new Error(`proxy: ${messageOf(error)}`);
	}
}

async function clientConfig(endpoint: Endpoint): Promise<ConnectConfig> {
	const { default: ssh } = await import("ssh2");
	if (endpoint.privateKey !== undefined) {
		const key = ssh.utils.parseKey(endpoint.privateKey, endpoint.privateKeyPassword);
		if (key instanceof Error) throw new Error(`cannot read connection.privateKey: ${key.message}`);
	}
	const agent = endpoint.agentSocketPath ?? process.env["SSH_AUTH_SOCK"];
	const hostKey = endpoint.hostKey === undefined ? undefined : parseHostKey(endpoint.hostKey);
	return {
		host: endpoint.host,
		port: endpoint.port,
		username: endpoint.user,
		readyTimeout: endpoint.perDialTimeout * 1000,
		...(endpoint.password === undefined ? {} : { password: endpoint.password, tryKeyboard: true }),
		...(endpoint.privateKey === undefined ? {} : { privateKey: endpoint.privateKey }),
		...(endpoint.privateKeyPassword === undefined ? {} : { passphrase: endpoint.privateKeyPassword }),
		...(agent ? { agent } : {}),
		...(hostKey === undefined
			? {}
			: {
					algorithms: { serverHostKey: [hostKey.type as ServerHostKeyAlgorithm] },
					hostVerifier: (shown: Buffer) => shown.equals(hostKey.blob),
				}),
	};
}

async function handshake(endpoint: Endpoint, config: ConnectConfig): Promise<Client> {
	const { default: ssh } = await import("ssh2");
	const client = new ssh.Client();
	return new Promise((resolve, reject) => {
		client.on("ready", () => resolve(client));
		client.on("error", (error) => reject(new Error(dialError(endpoint, error))));
		client.on("close", () => reject(new Error(`dial ${endpoint.host}:${endpoint.port}: connection closed`)));
		client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) =>
			finish(prompts.map(() => endpoint.password ?? "")),
		);
		client.connect(config);
	});
}

function forward(bastion: Client, to: Endpoint): Promise<NonNullable<ConnectConfig["sock"]>> {
	return new Promise((resolve, reject) =>
		bastion.forwardOut("127.0.0.1", 0, to.host, to.port, (error, stream) => (error ? reject(error) : resolve(stream))),
	);
}

/** An attempt's error, in the official plugin's words if it has any for this error. */
function dialError(endpoint: Endpoint, error: Error & { level?: string }): string {
	if (error.level === "client-socket") return `dial tcp ${endpoint.host}:${endpoint.port}: ${error.message}`;
	if (/verification failed/.test(error.message)) return "ssh: handshake failed: ssh: host key mismatch";
	return `ssh: handshake failed: ${error.message}`;
}
