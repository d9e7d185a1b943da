import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { z } from "zod";
import { printableReason } from "../../core/values/printable.ts";
import { type SecretText, secretTextSchema } from "../../core/values/secretText.ts";
import { revealSecret } from "../../remote/secretFile.ts";

/** Seconds within which an endpoint must answer. */
const ENDPOINT_SECONDS = 5;

/** The most bytes of an answer: some hundred thousand keys. A large cluster has more than gRPC's default of 4 MiB. */
const LARGEST_ANSWER = 64 * 1024 * 1024;

/** An etcd and how to log in to it. Plain data: it is also stored in a stack's state, from which cli/ reads it. */
export const etcdAccess = z.object({
	/** `https://HOST:PORT` of each server. The first one that answers is used. */
	endpoints: z.array(z.string()).readonly(),
	/** The CAs of the servers' certificates, PEM. */
	ca: secretTextSchema,
	/** The client's certificate and its private key, PEM. Absent if etcd does not ask for one. */
	client: z.object({ cert: secretTextSchema, key: secretTextSchema }).optional(),
});

export type EtcdAccess = z.infer<typeof etcdAccess>;

/** A key and its value, both as text. */
export interface EtcdPair {
	readonly key: string;
	readonly value: string;
}

/** A Range request and its response, as in rpc.proto. */
interface Range {
	readonly request: { readonly key: Buffer; readonly range_end: Buffer };
	readonly response: { readonly kvs: readonly { readonly key: Buffer; readonly value: Buffer }[] };
}

const proto = loadSync(fileURLToPath(new URL("rpc.proto", import.meta.url)), { keepCase: true, defaults: true });

/** The part of etcd's KV service that is used here. */
export const kvService = proto["etcdserverpb.KV"] as unknown as {
	Range: grpc.MethodDefinition<Range["request"], Range["response"]>;
};

/**
 * Reads every key that begins with one of the prefixes, with its value, from the first endpoint that answers. Does not write.
 *
 * Uses gRPC, because etcd's JSON gateway may be off and does not support users by certificate, which Calico's etcd may have
 * (etcd#17025).
 *
 * @throws Error with the reason of each endpoint if none answers.
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
		// TLS does not allow an address as a server's name (RFC 6066), and Node warns of it. The check above uses the real host.
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

/** The first key after all keys with this prefix. The last byte of a text is never 255, so adding 1 does not overflow. */
function after(prefix: Buffer): Buffer {
	const last = prefix.length - 1;
	return Buffer.concat([prefix.subarray(0, last), Buffer.of((prefix[last] ?? 0) + 1)]);
}

const WRONG_CA = "its certificate is not signed by the CA in the settings; correct calicoEtcd.ca or caFile";

/** Errors of TLS, gRPC and etcd, and the texts for people. */
const REASONS: readonly (readonly [RegExp, string])[] = [
	[/unable to verify the first certificate/, WRONG_CA],
	[/self-signed certificate/, WRONG_CA],
	[/unable to get (local )?issuer certificate/, WRONG_CA],
	[/key values mismatch/, "the client's certificate and key do not belong together; correct calicoEtcd.cert or key"],
	[/wrong version number/, "it does not speak TLS"],
	[/permission denied/, "the client's user may not read Calico's keys; give its role the prefix /calico/ to read"],
	[/Failed to connect/, "it ended the connection; look for the client's certificate in its log"],
	[/Deadline exceeded/, `it did not answer within ${ENDPOINT_SECONDS} s`],
];

/** gRPC wraps the reason of a failed connection in this sentence. */
const LAST_ERROR = /Last error: (?:Error(?: \[\w+\])?: )?(.*)\. Resolution note:/s;

function reasonOf({ message, details = message }: Error & { details?: string }, { client }: EtcdAccess): string {
	// TLS alerts 42 to 48 are about the client's certificate, and 116 says that it is missing (RFC 8446).
	if (/SSL alert number (4[2-8]|116)\b/.test(details)) {
		return client
			? "it does not accept the client's certificate; correct calicoEtcd.cert and key"
			: "it asks for a client's certificate; set calicoEtcd.cert and key";
	}
	const known = REASONS.find(([error]) => error.test(details));
	return known?.[1] ?? printableReason(LAST_ERROR.exec(details)?.[1] ?? details);
}
