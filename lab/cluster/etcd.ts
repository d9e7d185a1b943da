import { siteDir } from "../cache.ts";
import { exec } from "../host.ts";
import { site } from "../site.ts";

/** Where kubeadm puts etcd's certificates on the control plane's host. */
export const etcdPki = "/etc/kubernetes/pki/etcd";

/** Of them, what a client needs: the CA, and a certificate of its own with its key. */
export const clientPki = { ca: "ca.crt", cert: "healthcheck-client.crt", key: "healthcheck-client.key" } as const;

/** etcd's address as every machine of the site reaches it. */
const endpoint = `https://${site.controlPlane.address}:2379`;

/** What the operator has of {@link clientPki}, for their eyes alone. */
export function clientFile(name: string): string {
	return siteDir("etcd", name);
}

/** The etcd as a stack's settings name it. */
export function etcdSettings() {
	const { ca, cert, key } = clientPki;
	return { endpoints: [endpoint], caFile: clientFile(ca), certFile: clientFile(cert), keyFile: clientFile(key) };
}

/** Writes a key, as JSON. */
export async function putKey(key: string, value: object): Promise<void> {
	await etcdctl("put", key, JSON.stringify(value));
}

/** Takes a key away; one that is not there is no error. */
export async function deleteKey(key: string): Promise<void> {
	await etcdctl("del", key);
}

async function etcdctl(...argv: string[]): Promise<void> {
	const file = (name: string) => `${etcdPki}/${name}`;
	const { ca, cert, key } = clientPki;
	const access = ["--endpoints", endpoint, "--cacert", file(ca), "--cert", file(cert), "--key", file(key)];
	await exec(site.controlPlane.name, ["etcdctl", ...access, ...argv], { env: { ETCDCTL_API: "3" } });
}
