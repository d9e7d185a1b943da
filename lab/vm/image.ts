import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { words } from "../../src/core/values/words.ts";
import { aptOptions, debianSources } from "../apt.ts";
import { cacheDir } from "../cache.ts";
import type { Images } from "../cluster/images.ts";
import { layerDir } from "../layers.ts";
import type { Repository } from "../packages.ts";
import type { Report } from "../progress.ts";
import { site } from "../site.ts";

/** Everything that kubelet and kubeadm depend on, so that a VM needs only the site's repository. */
const packages = [
	"ca-certificates",
	"cloud-init",
	"conntrack",
	"containerd",
	"dbus",
	"ethtool",
	"initramfs-tools",
	"iproute2",
	"ipset",
	"iptables",
	"iputils-ping",
	"kmod",
	"linux-image-cloud-amd64",
	"lz4",
	"nftables",
	"openssh-server",
	"openssl",
	"procps",
	"socat",
	"systemd",
	"systemd-resolved",
	"systemd-sysv",
	"udev",
	"zstd",
] as const;

const script = fileURLToPath(new URL("build-image.sh", import.meta.url));
const settings = fileURLToPath(new URL("cloud.cfg", import.meta.url));
const suite = "bookworm";

/** The disk images for the gateway's VM. */
export interface VmImages {
	/** Name of their folder below {@link vmFolder}, with `v1.qcow2`, `v2.qcow2`, `vmlinuz` and `initrd`. */
	readonly folder: string;
	/** SHA-256 of each, in hex. */
	readonly sha256: { readonly v1: string; readonly v2: string };
}

/** The folder that the hypervisor sees as /srv/images and the site as `http://packages.site.example/images`. */
export function vmFolder(): string {
	return cacheDir("vm");
}

/** The URL of an image for the site's machines. */
export function imageUrl({ folder }: VmImages, version: "v1" | "v2"): string {
	return `http://${site.packages.name}/images/${folder}/${version}.qcow2`;
}

/** Makes the images, or finds them in the cache. Needs the layers. */
export async function ensureVmImages(report: Report, { store }: Images, repository: Repository): Promise<VmImages> {
	const lower = [layerDir("hypervisor"), layerDir("base")];
	const texts = [script, settings].map((file) => readFileSync(file, "utf8"));
	const sources = [packages, suite, basename(store), repository.url, lower.map((path) => basename(path)), texts];
	const folder = createHash("sha256").update(JSON.stringify(sources)).digest("hex").slice(0, 12);
	const target = join(vmFolder(), folder);
	if (!existsSync(target))
		await report.step("Images of the gateway's VM", () => build(target, [store, repository.folder, lower.join(":")]));
	const sums = await readFile(join(target, "SHA256SUMS"), "utf8");
	const sum = (name: string) => new RegExp(`^([0-9a-f]{64}) +${name}.qcow2$`, "m").exec(sums)?.[1] ?? "";
	return { folder, sha256: { v1: sum("v1"), v2: sum("v2") } };
}

async function build(target: string, parts: readonly string[]): Promise<void> {
	const partial = `${target}.partial`;
	await rm(partial, { recursive: true, force: true });
	await mkdir(partial, { recursive: true });
	const argv = [script, partial, suite, packages.join(","), await debianSources(suite), settings, ...parts];
	// Every mount and process of the build ends with these namespaces, even if the build is killed.
	const alone = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"];
	const { exitCode, all } = await execa("unshare", [...alone, "sh", ...argv, ...(await aptOptions())], {
		all: true,
		reject: false,
		stdin: "ignore",
		env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
	});
	if (exitCode !== 0) {
		throw new Error(`building the images of the gateway's VM failed with exit code ${exitCode}:\n${words(all)}`);
	}
	await rename(partial, target);
}
