import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import { type EtcdPair, kvService } from "./etcd.ts";

/** A certificate and its private key, PEM. */
export interface Pair {
	readonly cert: string;
	readonly key: string;
}

/** Certificates for tests: two CAs; a server's (127.0.0.1) and a client's of the first, a stranger's of the second. */
export function exampleCertificates(): Readonly<Record<"ca" | "otherCa" | "server" | "client" | "stranger", Pair>> {
	const folder = mkdtempSync(join(tmpdir(), "pod-gateway-etcd-"));
	const file = (name: string) => join(folder, name);
	const openssl = (...argv: string[]) => execFileSync("openssl", argv, { stdio: ["ignore", "pipe", "pipe"] });
	const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
	const pair = (name: string) => ({
		cert: readFileSync(file(`${name}.crt`), "utf8"),
		key: readFileSync(file(`${name}.key`), "utf8"),
	});
	const authority = (name: string) => {
		openssl(
			"req",
			"-x509",
			...newKey,
			"-subj",
			`/CN=${name}`,
			"-keyout",
			file(`${name}.key`),
			"-out",
			file(`${name}.crt`),
		);
		return pair(name);
	};
	const signed = (name: string, by: string, extensions: string) => {
		openssl("req", ...newKey, "-subj", `/CN=${name}`, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`));
		writeFileSync(file(`${name}.ext`), extensions);
		const ca = ["-CA", file(`${by}.crt`), "-CAkey", file(`${by}.key`), "-CAcreateserial"];
		openssl(
			"x509",
			"-req",
			"-in",
			file(`${name}.csr`),
			...ca,
			"-extfile",
			file(`${name}.ext`),
			"-out",
			file(`${name}.crt`),
		);
		return pair(name);
	};
	try {
		return {
			ca: authority("ca"),
			otherCa: authority("other-ca"),
			server: signed("server", "ca", "subjectAltName=IP:127.0.0.1"),
			client: signed("client", "ca", "extendedKeyUsage=clientAuth"),
			stranger: signed("stranger", "other-ca", "extendedKeyUsage=clientAuth"),
		};
	} finally {
		rmSync(folder, { recursive: true });
	}
}

/** A server with etcd's service of keys on 127.0.0.1, and what it answers. */
export interface ExampleEtcd {
	readonly endpoint: string;
	stop(): void;
}

/**
 * Serves keys as etcd does, for tests of what etcd itself is too much for.
 *
 * @param ca the CA of the clients, all of whom need a certificate. @param answer the keys there are; what it throws is the refusal.
 */
export async function exampleEtcd(server: Pair, ca: string, answer: () => readonly EtcdPair[]): Promise<ExampleEtcd> {
	const pair = { cert_chain: Buffer.from(server.cert), private_key: Buffer.from(server.key) };
	const serving = new grpc.Server();
	serving.addService(kvService, {
		Range({ request: { key, range_end } }: { request: Record<string, Buffer> }, callback: grpc.sendUnaryData<unknown>) {
			try {
				const kvs = answer()
					.map((pair) => ({ key: Buffer.from(pair.key), value: Buffer.from(pair.value) }))
					.filter((pair) => key && range_end && pair.key.compare(key) >= 0 && pair.key.compare(range_end) < 0);
				callback(null, { kvs });
			} catch (error) {
				callback({ code: grpc.status.PERMISSION_DENIED, details: (error as Error).message });
			}
		},
	});
	const credentials = grpc.ServerCredentials.createSsl(Buffer.from(ca), [pair], true);
	const port = await new Promise<number>((resolve, reject) => {
		serving.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
	});
	return { endpoint: `https://127.0.0.1:${port}`, stop: () => serving.forceShutdown() };
}
