import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { aptOptions, debianSources } from "../apt.ts";
import { cacheDir } from "../cache.ts";
import { layerDir } from "../layers.ts";
import type { Report } from "../progress.ts";
import type { Binaries } from "./binaries.ts";
import { type Image, type Layer, writeImageArchive } from "./imageArchive.ts";
import { makeImageStore } from "./imageStore.ts";

/** The names of the cluster's images, and a store with all of them. */
export interface Images {
	/** Folder on this machine: a containerd store, for {@link copyImageStore}. */
	readonly store: string;
	readonly pause: string;
	readonly calicoNode: string;
	readonly web: string;
}

/** The packages that kube-proxy and calico-node run besides their own programs. */
const rootPackages = [
	"bird2",
	"busybox-static",
	"conntrack",
	"curl",
	"ipset",
	"iproute2",
	"iptables",
	"jq",
	"kmod",
	"nftables",
];
const rootScript = fileURLToPath(new URL("build-image-root.sh", import.meta.url));
const calicoNodeScript = fileURLToPath(new URL("calico-node.sh", import.meta.url));

/** Busybox's commands are in /usr/local/bin and come last, so that the real commands are found first. */
const rootPath = "PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin";

/** The version that kubeadm 1.34 expects (its constant PauseVersion). With another one every join prints a warning. */
const pauseImage = "registry.k8s.io/pause:3.10.1";

/**
 * Makes the images, or finds their store in the cache. The store's name depends on everything that they are made from. Needs the
 * hosts' layers, because the nodes' own containerd makes the store.
 */
export async function ensureImages(report: Report, binaries: Binaries): Promise<Images> {
	// The folders' names contain the versions, so that the key depends on them.
	const folders = [binaries.kubernetes("kube-proxy"), binaries.coreDns, binaries.pause, binaries.web].map(dirname);
	const sources = folders.map((folder) => basename(folder));
	const scripts = [await readFile(rootScript, "utf8"), await readFile(calicoNodeScript, "utf8")];
	const key = hashOf([sources, rootPackages, scripts, basename(layerDir("node"))]);
	const names = {
		pause: pauseImage,
		calicoNode: `pod-gateway.lab/calico-node:${hashOf([rootPackages, scripts])}`,
		web: `pod-gateway.lab/web:${hashOf([basename(dirname(binaries.web))])}`,
	};
	const store = cacheDir("images", `store-${key}`);
	if (!existsSync(store)) {
		await report.step("Container images", async () => {
			const archive = `${store}.tar`;
			await writeImageArchive(archive, list(binaries, names, await ensureRoot()));
			await makeImageStore(store, archive);
			await rm(archive);
		});
	}
	return { store, ...names };
}

function list(binaries: Binaries, names: Omit<Images, "store">, rootTar: string): Image[] {
	const root: Layer = { tar: rootTar };
	const single = (name: string, path: string, source: string): Image => ({
		name,
		layers: [{ files: { [path]: source } }],
		entrypoint: [path],
	});
	const onRoot = (name: string, path: string, source: string): Image => ({
		...single(name, path, source),
		layers: [root, { files: { [path]: source } }],
		environment: [rootPath],
	});
	return [
		single(names.pause, "/pause", binaries.pause),
		single(`registry.k8s.io/coredns/coredns:${binaries.coreDnsVersion}`, "/coredns", binaries.coreDns),
		single(names.web, "/web", binaries.web),
		onRoot(
			`registry.k8s.io/kube-proxy:${binaries.kubernetesVersion}`,
			"/usr/local/bin/kube-proxy",
			binaries.kubernetes("kube-proxy"),
		),
		onRoot(names.calicoNode, "/usr/local/bin/calico-node", calicoNodeScript),
	];
}

/** The tar of the Debian root below kube-proxy and calico-node. It takes about 10 s to make. */
async function ensureRoot(): Promise<string> {
	const tar = cacheDir("images", `root-${hashOf([rootPackages, await readFile(rootScript, "utf8")])}.tar`);
	if (existsSync(tar)) return tar;
	const partial = `${tar}.partial`;
	await mkdir(dirname(tar), { recursive: true });
	await rm(partial, { force: true });
	const suite = "bookworm";
	const argv = [
		rootScript,
		partial,
		suite,
		rootPackages.join(","),
		await debianSources(suite),
		...(await aptOptions()),
	];
	// Every mount of the build ends with its mount namespace, even if the build is killed.
	await execa("unshare", ["--mount", "--propagation", "private", "sh", ...argv], { stdin: "ignore" });
	await rename(partial, tar);
	return tar;
}

function hashOf(parts: unknown): string {
	return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);
}
