import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { words } from "../src/core/values/words.ts";
import { aptOptions, debianSources } from "./apt.ts";
import { cacheDir } from "./cache.ts";
import type { Report } from "./progress.ts";

/** The packages that every host has. */
const basePackages = [
	"ca-certificates",
	"curl",
	"dbus",
	"iproute2",
	"iputils-ping",
	"netbase",
	"openssh-server",
	"procps",
	"sudo",
	"systemd",
	"systemd-sysv",
	"traceroute",
] as const;

/** The Debian packages of each layer. Every list is installed on top of a base. */
const recipes = {
	base: basePackages,
	// Trixie's systemd opens this library at run time, but its package only recommends it.
	"base-trixie": [...basePackages, "libkmod2"],
	resolved: ["systemd-resolved", "libnss-resolve"],
	networkmanager: ["network-manager", "dnsmasq-base"],
	ifupdown: ["ifupdown"],
	netplan: ["netplan.io", "systemd-resolved", "libnss-resolve", "udev"],
	dnsmasq: ["dnsmasq"],
	dhcp: ["dhcpcd-base", "ifupdown", "sudo-rs"],
	resolver: ["dnsmasq", "nginx-light"],
	hypervisor: ["genisoimage", "libvirt-clients", "libvirt-daemon-system", "qemu-system-x86", "qemu-utils"],
	node: [
		"conntrack",
		"containerd",
		"containernetworking-plugins",
		"ebtables",
		"etcd-client",
		"etcd-server",
		"ethtool",
		"ipset",
		"iptables",
		"kmod",
		"nftables",
		"runc",
		"socat",
	],
} as const satisfies Record<string, readonly string[]>;

/** Services that would start at every boot and should not. On a node they start when the cluster is set up. */
const idleUnits: { readonly [name in LayerName]?: readonly string[] } = {
	hypervisor: ["libvirt-guests.service"],
	node: ["containerd.service", "etcd.service"],
};

/** A root filesystem layer. A base is a whole Debian; every other layer is what its packages add to a base. */
export type LayerName = keyof typeof recipes;

export const layerNames = Object.keys(recipes) as LayerName[];

/** The Debian release of each base. */
const suites = { base: "bookworm", "base-trixie": "trixie" } as const;

type BaseName = keyof typeof suites;

/** The base of each layer that does not lie on `base`. */
const otherBases: { readonly [name in LayerName]?: BaseName } = {
	"base-trixie": "base-trixie",
	dhcp: "base-trixie",
};

const baseScript = script("build-base.sh");
const additionScript = script("build-layer.sh");

/** The base of a layer. A base is its own. */
function baseOf(name: LayerName): BaseName {
	return otherBases[name] ?? "base";
}

/** The folders of these layers, which lie on the same base, topmost first, and then of that base. */
export function stackDirs(layers: readonly LayerName[]): string[] {
	return [...layers, baseOf(layers[0] ?? "base")].map(layerDir);
}

/** The folder of a layer. Its name depends on everything that the layer is made from, so that a changed recipe is built again. */
export function layerDir(name: LayerName): string {
	const base = baseOf(name);
	const hash = createHash("sha256").update(
		JSON.stringify([suites[base], recipes[base], readFileSync(baseScript, "utf8")]),
	);
	if (name !== base)
		hash.update(JSON.stringify([recipes[name], idleUnits[name], readFileSync(additionScript, "utf8")]));
	return cacheDir("layers", `${name}-${hash.digest("hex").slice(0, 12)}`);
}

/** Builds the layers that do not exist yet: the bases first, then the others, two at a time. */
export async function ensureLayers(report: Report, names: readonly LayerName[] = layerNames): Promise<void> {
	const bases = new Set<LayerName>(names.map(baseOf));
	await buildMissing(report, [...bases]);
	await buildMissing(
		report,
		names.filter((name) => !bases.has(name)),
	);
}

async function buildMissing(report: Report, names: readonly LayerName[]): Promise<void> {
	const missing = names.filter((name) => !existsSync(layerDir(name)));
	const worker = async () => {
		for (let name = missing.shift(); name; name = missing.shift()) {
			const next = name;
			await report.step(`root filesystem layer ${next}`, () => build(next));
		}
	};
	await Promise.all([worker(), worker()]);
}

/**
 * Every mount and process of a build is in namespaces that end with the build, even if this process is killed. So nothing of it
 * writes where the next build works.
 */
const enclosure = [
	...["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"],
	...["--pid", "--fork", "--kill-child", "--mount-proc"],
];

/** Builds beside the final place and renames at the end, so that a layer appears complete or not at all. */
async function build(name: LayerName): Promise<void> {
	const target = layerDir(name);
	const partial = `${target}.partial`;
	await rm(partial, { recursive: true, force: true });
	await mkdir(partial, { recursive: true });
	const options = await aptOptions();
	const packages = recipes[name];
	const base = baseOf(name);
	const suite = suites[base];
	const argv =
		name === base
			? [baseScript, partial, suite, packages.join(","), await debianSources(suite), ...options]
			: [additionScript, layerDir(base), partial, packages.join(" "), idleUnits[name]?.join(" ") ?? "", ...options];
	const { exitCode, all } = await execa("setpriv", [...enclosure, "sh", ...argv], {
		all: true,
		reject: false,
		stdin: "ignore",
		env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
	});
	if (exitCode !== 0) {
		throw new Error(`building root filesystem layer ${name} failed with exit code ${exitCode}:\n${words(all)}`);
	}
	await rename(name === base ? partial : `${partial}/upper`, target);
	await rm(partial, { recursive: true, force: true });
}

function script(name: string): string {
	return fileURLToPath(new URL(`hosts/${name}`, import.meta.url));
}
