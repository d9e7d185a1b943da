import { createHash, X509Certificate } from "node:crypto";
import { exec } from "../host.ts";
import { type Machine, site } from "../site.ts";
import { type JoinTicket, joinConfig } from "./kubeadmConfig.ts";

const controlPlane = site.controlPlane.name;

/** Makes a token that lives ten minutes, and the hash of the CA that a machine is to trust with it. */
export async function joinTicket(): Promise<JoinTicket> {
	const { stdout: token } = await exec(controlPlane, ["kubeadm", "token", "create", "--ttl", "10m0s"]);
	const { stdout: certificate } = await exec(controlPlane, ["cat", "/etc/kubernetes/pki/ca.crt"]);
	const publicKey = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
	return { token, caCertHash: `sha256:${createHash("sha256").update(publicKey).digest("hex")}` };
}

/** Whether a machine has joined the cluster, now or before its last boot. */
export async function hasJoined({ name }: Machine): Promise<boolean> {
	return (await exec(name, ["test", "-e", "/etc/kubernetes/kubelet.conf"], { check: false })).exitCode === 0;
}

/** Joins a prepared machine to the cluster as a worker. */
export async function join({ name, address }: Machine, ticket: JoinTicket): Promise<void> {
	// kubeadm opens its configuration by name. By way of cat it is a pipe, which can be opened so; a socket cannot.
	const command = "cat | kubeadm join --config /dev/stdin";
	await exec(name, ["sh", "-c", command], { input: joinConfig(name, address, ticket) });
}
