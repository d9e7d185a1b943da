import { createHash, X509Certificate } from "node:crypto";
import { exec } from "../host.ts";
import { type Machine, site } from "../site.ts";
import { type JoinTicket, joinConfig } from "./kubeadmConfig.ts";

const controlPlane = site.controlPlane.name;

/** Makes a token that is valid for ten minutes, and the hash of the CA that a machine has to trust. */
export async function joinTicket(): Promise<JoinTicket> {
	const { stdout: token } = await exec(controlPlane, ["kubeadm", "token", "create", "--ttl", "10m0s"]);
	const { stdout: certificate } = await exec(controlPlane, ["cat", "/etc/kubernetes/pki/ca.crt"]);
	const publicKey = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
	return { token, caCertHash: `sha256:${createHash("sha256").update(publicKey).digest("hex")}` };
}

/** Whether a machine has joined the cluster, even before its last boot. */
export async function hasJoined({ name }: Machine): Promise<boolean> {
	return (await exec(name, ["test", "-e", "/etc/kubernetes/kubelet.conf"], { check: false })).exitCode === 0;
}

/** Joins a prepared machine to the cluster as a worker. */
export async function join({ name, address }: Machine, ticket: JoinTicket): Promise<void> {
	// kubeadm opens its configuration by name. This works for a pipe, which cat makes, but not for a socket.
	const command = "cat | kubeadm join --config /dev/stdin";
	await exec(name, ["sh", "-c", command], { input: joinConfig(name, address, ticket) });
}
