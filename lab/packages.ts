import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cacheDir } from "./cache.ts";
import type { Binaries } from "./cluster/binaries.ts";
import { layerDir } from "./layers.ts";
import type { Report } from "./progress.ts";
import { site } from "./site.ts";

const script = fileURLToPath(new URL("packages/build-repository.sh", import.meta.url));
const units = fileURLToPath(new URL("cluster/units", import.meta.url));

/** An apt repository with kubeadm, kubelet and kubectl, as the site's machines see it. */
export interface Repository {
	/** URL in which `{minor}` stands for the version. */
	readonly url: string;
	/** The armored key that its signature is checked with. */
	readonly key: string;
	/** The folder with its files on this machine. */
	readonly folder: string;
}

/** The folder that is served as `http://packages.site.example/kubernetes`. */
export function packagesFolder(): string {
	return cacheDir("packages");
}

/** Makes the repository, or finds it in the cache. Needs the layer `node`, which has the CNI plugins. */
export async function ensureRepository(report: Report, binaries: Binaries): Promise<Repository> {
	const commands = dirname(binaries.kubernetes("kubeadm"));
	const cni = join(layerDir("node"), "usr/lib/cni");
	const unitTexts = ["kubelet.service", "10-kubeadm.conf"].map((name) => readFileSync(join(units, name), "utf8"));
	const sources = [basename(commands), basename(layerDir("node")), unitTexts, readFileSync(script, "utf8")];
	const key = createHash("sha256").update(JSON.stringify(sources)).digest("hex").slice(0, 12);
	const folder = join(packagesFolder(), key);
	const version = binaries.kubernetesVersion.replace(/^v/, "");
	if (!existsSync(folder)) {
		await report.step("Package repository", async () => {
			const partial = `${folder}.partial`;
			await rm(partial, { recursive: true, force: true });
			await execa("sh", [script, partial, version, commands, units, cni], { stdin: "ignore" });
			await rename(partial, folder);
		});
	}
	const minor = version.split(".").slice(0, 2).join(".");
	return {
		url: `http://${site.packages.name}/kubernetes/${key}/v{minor}/deb/`,
		key: await readFile(join(folder, `v${minor}/deb/Release.key`), "utf8"),
		folder: join(folder, `v${minor}/deb`),
	};
}
