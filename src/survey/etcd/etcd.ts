import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { z } from "zod";
import { printableReason } from "../../core/values/printable.ts";
import { type SecretText, secretTextSchema } from "../../core/values/secretText.ts";
import { revealSecret } from "../../remote/secretFile.ts";

/** Seconds one endpoint has for its answer. */
const ENDPOINT_SECONDS = 5;

/** Bytes of an answer: some hundred thousand keys. gRPC's own limit of 4 MiB is less than a large cluster's. */
const LARGEST_ANSWER = 64 * 1024 * 1024;

/** An etcd and how to log in to it. Plain data: it is also what the tools read out of a stack's state. */
export const etcdAccess = z.object({
	/** `https://HOST:PORT` of each server; the first one that answers is enough. */
	endpoints: z.array(z.string()).readonly(),
	/** PEM, or its file: the CA, or CAs, of the servers' certificates. */
	ca: secretTextSchema,
	/** PEM, or their files: the client's certificate and its private key; etcd may want none. */
	client: z.object({ cert: secretTextSchema, key: secretTextSchema }).optional(),
});

export type EtcdAccess = z.infer<typeof etcdAccess>;

/** A key and its value, both as text. */
export interface EtcdPair {
	readonly key: string;
	readonly value: string;
}

/** A question and its answer, in the words of rpc.proto. */
interface Range {
	readonly request: { readonly key: Buffer; readonly range_end: Buffer };
	readonly response: { readonly kvs: readonly { readonly key: Buffer; readonly value: Buffer }[] };
}

const proto = loadSync(fileURLToPath(new URL("rpc.proto", import.meta.url)), { keepCase: true, defaults: true });

/** etcd's service of keys, as far as it is used here. */
export const kvService = proto["etcdserverpb.KV"] as unknown as {
	Range: grpc.MethodDefinition<Range["request"], Range["response"]>;
};

/**
 * Every key that begins with one of the prefixes, with its value, of the first endpoint that answers. Nothing is written.
 *
 * It is gRPC and not etcd's JSON gateway: that one knows no users by certificate, as Calico's etcd may have them, and may be off
 * (etcd#17025).
 *
 * @throws Error with the reason of each endpoint, where none answers.
 */
export async function readKeys(access: EtcdAccess, prefixes: readonly string[]): Promise<readonly EtcdPair[]> {
	const reasons: string[] = [];
	for (const endpoint of access.endpoints) {
		let client: grpc.Client | undefined;
		try {
			const connection = connect(endpoint, access);
			client = connection;
			const deadline = Date.now() + ENDPOINT_SECONDS * 1000;
			return (await Promise.all(prefixes.map((prefix) => range(connection, prefix, deadline)))).flat();
		} catch (error) {
			reasons.push(`${endpoint}: ${reasonOf(error as Error, access)}`);
		} finally {
			client?.close();
		}
	}
	throw new Error(reasons.join("; "));
}

function connect(endpoint: string, { ca, client }: EtcdAccess): grpc.Client {
	const { hostname, port } = new URL(endpoint);
	const host = hostname.replace(/^\[(.*)\]$/, "$1");
	const pem = (what: string, text?: SecretText) => (text === undefined ? null : Buffer.from(revealSecret(text, what)));
	const [key, cert] = [pem("the client's key", client?.key), pem("the client's certificate", client?.cert)];
	const credentials = grpc.credentials.createSsl(pem("the CA's certificate", ca), key, cert, {
		checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
	});
	return new grpc.Client(`${hostname}:${port || 443}`, credentials, {
		"grpc.enable_http_proxy": 0,
		"grpc.max_receive_message_length": LARGEST_ANSWER,
		// In TLS an address is no server's name (RFC 6066), and Node warns of it. What the certificate has to say is checked above.
		...(isIP(host) ? { "grpc.ssl_target_name_override": "etcd" } : {}),
	});
}

function range(client: grpc.Client, prefix: string, deadline: number): Promise<readonly EtcdPair[]> {
	const key = Buffer.from(prefix);
	const { path, requestSerialize, responseDeserialize } = kvService.Range;
	return new Promise((resolve, reject) => {
		client.makeUnaryRequest(
			path,
			requestSerialize,
			responseDeserialize,
			{ key, range_end: after(key) },
			{ deadline },
			(error, answer) => {
				if (error) reject(error);
				else resolve((answer?.kvs ?? []).map(({ key, value }) => ({ key: `${key}`, value: `${value}` })));
			},
		);
	});
}

/** The first key after all those that begin so; a prefix of text never ends in the highest byte. */
function after(prefix: Buffer): Buffer {
	const last = prefix.length - 1;
	return Buffer.concat([prefix.subarray(0, last), Buffer.of((prefix[last] ?? 0) + 1)]);
}

/** What is wrong, by the word that TLS, gRPC or etcd has for it. */
const REASONS: readonly (readonly [RegExp, string])[] = [
	[
		/unable to verify the first certificate|self-signed certificate|unable to get (local )?issuer certificate/,
		"its certificate is not signed by the CA in the settings; correct calicoEtcd.ca or caFile",
	],
	[/key values mismatch/, "the client's certificate and key do not belong together; correct calicoEtcd.cert or key"],
	[/wrong version number/, "it does not speak TLS"],
	[/permission denied/, "the client's user may not read Calico's keys; give its role the prefix /calico/ to read"],
	[/Failed to connect/, "it ended the connection; see what its log says of the client's certificate"],
	[/Deadline exceeded/, `no answer within ${ENDPOINT_SECONDS} s`],
];

function reasonOf({ message, details = message }: Error & { details?: string }, { client }: EtcdAccess): string {
	// Alerts of TLS about a certificate are 42 to 48, and 116 where there is none (RFC 8446).
	if (/SSL alert number (4[2-8]|116)\b/.test(details)) {
		return client
			? "it does not accept the client's certificate; correct calicoEtcd.cert and key"
			: "it wants a client's certificate; set calicoEtcd.cert and key";
	}
	const known = REASONS.find(([word]) => word.test(details));
	return (
		known?.[1] ??
		printableReason(/Last error: (?:Error(?: \[\w+\])?: )?(.*)\. Resolution note:/s.exec(details)?.[1] ?? details)
	);
}
