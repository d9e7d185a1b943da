import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { operatorKeyFile } from "./keys.ts";
import { put } from "./network.ts";

/** The rule that sudo, or sudo-rs, needs for the user; docs/servers.md shows the same. */
export function sudoersFile(sudo: "sudo" | "sudo-rs"): URL {
	return new URL(`hosts/sudoers/${sudo}`, import.meta.url);
}

/** Lets the operator log in as a user whom sudo allows only what the host script needs, and not as root. */
export async function letOperatorInAs(user: string, root: string, sudo: "sudo" | "sudo-rs" = "sudo"): Promise<void> {
	await execa("chroot", [root, "useradd", "--create-home", "--shell", "/bin/sh", user]);
	await execa("chroot", [root, "install", "-d", "-m", "700", "-o", user, "-g", user, `/home/${user}/.ssh`]);
	await copyFile(`${operatorKeyFile()}.pub`, join(root, `home/${user}/.ssh/authorized_keys`));
	await put(root, "etc/sudoers.d/pod-gateway", await readFile(sudoersFile(sudo), "utf8"), 0o440);
	// As in distributions whose sudo is sudo-rs.
	if (sudo === "sudo-rs") await execa("chroot", [root, "ln", "-sf", "sudo-rs", "/usr/bin/sudo"]);
	await put(root, "etc/ssh/sshd_config.d/00-operator.conf", "PermitRootLogin no\n");
}
