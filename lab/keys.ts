import { existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { siteDir } from "./cache.ts";
import { machines } from "./machines.ts";

/** The private key with which the operator logs in to every host as root. The public key is beside it, with `.pub` added. */
export function operatorKeyFile(): string {
	return keyFile("operator");
}

/** A host's public key as in known_hosts, without name and comment: `ssh-ed25519 AAAA…`. */
export function hostPublicKey(name: string): string {
	return readFileSync(`${keyFile(`host-${name}`)}.pub`, "utf8")
		.split(" ")
		.slice(0, 2)
		.join(" ")
		.trim();
}

/** Makes the ed25519 key pairs of the operator and of every host, once for the life of a site. */
export async function ensureKeys(): Promise<void> {
	await mkdir(siteDir("keys"), { recursive: true, mode: 0o700 });
	await makeKey("operator", "operator");
	for (const { name } of machines) await makeKey(`host-${name}`, name);
}

/** Gives a root filesystem its host key and lets the operator in as root. */
export async function prepareKeys(name: string, root: string): Promise<void> {
	const ssh = join(root, "etc/ssh");
	for (const file of await readdir(ssh)) if (file.startsWith("ssh_host_")) await rm(join(ssh, file));
	for (const [suffix, mode] of [
		["", 0o600],
		[".pub", 0o644],
	] as const) {
		const target = join(ssh, `ssh_host_ed25519_key${suffix}`);
		await copyFile(keyFile(`host-${name}`) + suffix, target);
		await chmod(target, mode);
	}
	await copyFile(fileURLToPath(new URL("hosts/sshd.conf", import.meta.url)), join(ssh, "sshd_config.d/lab.conf"));
	await mkdir(join(root, "root/.ssh"), { recursive: true, mode: 0o700 });
	await copyFile(`${operatorKeyFile()}.pub`, join(root, "root/.ssh/authorized_keys"));
}

function keyFile(name: string): string {
	return siteDir("keys", name);
}

async function makeKey(name: string, comment: string): Promise<void> {
	if (existsSync(`${keyFile(name)}.pub`)) return;
	await rm(keyFile(name), { force: true });
	await execa("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", keyFile(name)]);
}
