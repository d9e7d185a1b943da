import { siteDir } from "../cache.ts";
import { exec } from "../host.ts";
import { site } from "../site.ts";

/** The folder where kubeadm puts etcd's certificates on the control plane's host. */
export const etcdPki = "/etc/kubernetes/pki/etcd";

/** The files there that a client needs: the CA, and a client's certificate with its key. */
export const clientPki = { ca: "ca.crt", cert: "healthcheck-client.crt", key: "healthcheck-client.key" } as const;

/** etcd's address as every machine of the site reaches it. */
const endpoint = `https://${site.controlPlane.address}:2379`;

/** The operator's copy of a file of {@link clientPki}; only they can read it. */
export function clientFile(name: string): string {
	return siteDir("etcd", name);
}

/** The part of a stack's settings that describes etcd. */
export function etcdSettings() {
	const { ca, cert, key } = clientPki;
	return { endpoints: [endpoint], caFile: clientFile(ca), certFile: clientFile(cert), keyFile: clientFile(key) };
}

/** Writes a key, as JSON. */
export async function putKey(key: string, value: object): Promise<void> {
	await etcdctl("put", key, JSON.stringify(value));
}

/** Removes a key. It is not an error if the key does not exist. */
export async function deleteKey(key: string): Promise<void> {
	await etcdctl("del", key);
}

async function etcdctl(...argv: string[]): Promise<void> {
	const file = (name: string) => `${etcdPki}/${name}`;
	const { ca, cert, key } = clientPki;
	const access = ["--endpoints", endpoint, "--cacert", file(ca), "--cert", file(cert), "--key", file(key)];
	await exec(site.controlPlane.name, ["etcdctl", ...access, ...argv], { env: { ETCDCTL_API: "3" } });
}
