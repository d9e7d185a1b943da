import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { CGROUP } from "./cgroups.ts";
import { inOperator } from "./exec.ts";
import { hostDir, isUp, recordSupervisor } from "./hostProcess.ts";
import type { HostSpec } from "./hostSpec.ts";
import { prepareKeys } from "./keys.ts";
import { stackDirs } from "./layers.ts";
import { endStrays } from "./leftovers.ts";
import { machineNamed, macOf, namespaceOf } from "./machines.ts";
import { enableUnit, put } from "./network.ts";
import { site } from "./site.ts";

/** Seconds from a host's start until SSH must answer. It takes 3 to 10; the rest is for a busy machine. */
const BOOT_SECONDS = 180;

const hostFiles = fileURLToPath(new URL("hosts", import.meta.url));

/**
 * Boots a host of the site, or only waits for it if it runs. Its files stay from one boot to the next, until `lab down`.
 * `spec.prepare` is called only before the first boot. Returns when SSH answers over the site's network. Throws when that
 * takes more than {@link BOOT_SECONDS}. The host outlives the calling process.
 */
export async function bootHost(spec: HostSpec): Promise<void> {
	if (!isUp(spec.name)) {
		const lower = stackDirs(spec.layers).join(":");
		await endStrays({ name: spec.name, namespace: namespaceOf(spec.name) });
		await prepareOnce(spec, lower);
		await start(spec, lower);
	}
	await awaitSsh(spec.name);
}

async function start(spec: HostSpec, lower: string): Promise<void> {
	const { name } = spec;
	const console = await open(hostDir(name, "console.log"), "a");
	const place = [name, namespaceOf(name), namespaceOf(site.hub), macOf(machineNamed(name)), hostDir(name), lower];
	const supervisor = spawn(
		"sh",
		[join(hostFiles, "supervise.sh"), ...place, `${CGROUP}/${name}`, ...(await nspawnOptions(spec))],
		{
			detached: true, // A session of its own, so that it stays when the caller's terminal goes.
			cwd: "/",
			stdio: ["ignore", console.fd, console.fd],
			env: {
				PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
				LC_ALL: "C.UTF-8",
				// A host may write the kernel settings of its own network. All others belong to the whole machine.
				SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network",
				...(spec.cgroups === "v2" ? { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" } : {}),
			},
		},
	);
	supervisor.unref();
	await console.close();
	if (supervisor.pid === undefined) throw new Error(`${name} did not start: its process could not be started`);
	await recordSupervisor(name, supervisor.pid);
}

async function nspawnOptions(spec: HostSpec): Promise<string[]> {
	const options = (spec.devices ?? []).map((device) => `--bind=${device}`);
	for (const [place, folder] of Object.entries(spec.binds ?? {})) {
		await mkdir(folder, { recursive: true });
		options.push(`--bind-ro=${folder}:${place}`);
	}
	if (!spec.kubelet) return options;
	const containerd = hostDir(spec.name, "containerd");
	await mkdir(containerd, { recursive: true });
	return [
		...options,
		`--bind=${containerd}:/var/lib/containerd`,
		"--bind-ro=/dev/kmsg",
		"--system-call-filter=@keyring bpf",
	];
}

/**
 * Makes the host's files as they are before its first boot. Makes them again if an earlier attempt was cut off, or if the host
 * was made on layers of another recipe, which its upper layer does not fit.
 */
async function prepareOnce(spec: HostSpec, lower: string): Promise<void> {
	const done = hostDir(spec.name, "prepared");
	if (existsSync(done) && readFileSync(done, "utf8") === lower) return;
	const upper = hostDir(spec.name, "upper");
	const work = hostDir(spec.name, "work");
	const root = hostDir(spec.name, "root");
	await rm(upper, { recursive: true, force: true });
	for (const folder of [upper, work, root]) await mkdir(folder, { recursive: true });
	await execa("mount", ["-t", "overlay", "overlay", "-o", `lowerdir=${lower},upperdir=${upper},workdir=${work}`, root]);
	try {
		await prepareKeys(spec.name, root);
		await prepareNames(spec.name, root);
		if (spec.kubelet) await prepareForContainers(root);
		await spec.prepare?.(root);
	} finally {
		await execa("umount", [root]);
	}
	await writeFile(done, lower);
}

async function prepareNames(name: string, root: string): Promise<void> {
	await writeFile(join(root, "etc/hostname"), `${name}\n`);
	await writeFile(join(root, "etc/hosts"), `127.0.0.1 localhost\n${machineNamed(name).address} ${name}\n`);
}

/** Puts the unit container-host and its script into a root filesystem, to start at every boot. */
async function prepareForContainers(root: string): Promise<void> {
	const unit = "container-host.service";
	await put(root, "usr/local/lib/container-host.sh", await readFile(join(hostFiles, "container-host.sh"), "utf8"));
	await put(root, `usr/lib/systemd/system/${unit}`, await readFile(join(hostFiles, unit), "utf8"));
	await enableUnit(root, "sysinit.target", unit);
}

async function awaitSsh(name: string): Promise<void> {
	const { address } = machineNamed(name);
	const deadline = Date.now() + BOOT_SECONDS * 1000;
	while (Date.now() < deadline) {
		const { stdout } = await inOperator(["ssh-keyscan", "-T", "2", "-t", "ed25519", address], { check: false });
		if (stdout !== "") return;
		if (!isUp(name)) throw new Error(`${name} went down while it booted; see ${hostDir(name, "console.log")}`);
		await sleep(100);
	}
	throw new Error(`${name} did not answer SSH within ${BOOT_SECONDS} s; see ${hostDir(name, "console.log")}`);
}
