import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDir } from "../cache.ts";
import type { Report } from "../progress.ts";
import { goBuild } from "./goBuild.ts";
import { requiredVersion } from "./goModule.ts";

const kubernetesModule = new URL("../kubernetes/", import.meta.url);
const coreDnsModule = new URL("../coredns/", import.meta.url);

const kubernetesCommands = [
	"kube-apiserver",
	"kube-controller-manager",
	"kube-scheduler",
	"kube-proxy",
	"kubeadm",
	"kubectl",
	"kubelet",
] as const;

/** The name of a Kubernetes command that the lab builds. */
export type KubernetesCommand = (typeof kubernetesCommands)[number];

/** The cluster's software as built on this machine: versions with their leading `v`, binaries by path. */
export interface Binaries {
	readonly kubernetesVersion: string;
	readonly coreDnsVersion: string;
	readonly coreDns: string;
	readonly pause: string;
	readonly web: string;
	kubernetes(command: KubernetesCommand): string;
}

/**
 * Builds Kubernetes, CoreDNS, pause and the workload `web` from their pinned Go modules, or finds them in the cache, in folders named
 * by version. With an empty cache and two cores, Kubernetes takes about five and a half minutes and CoreDNS one and a half.
 */
export async function ensureBinaries(report: Report): Promise<Binaries> {
	const kubernetesVersion = await requiredVersion(new URL("go.mod", kubernetesModule), "k8s.io/kubernetes");
	const coreDnsVersion = await requiredVersion(new URL("go.mod", coreDnsModule), "github.com/coredns/coredns");
	const folder = (name: string, version: string) => cacheDir("bin", `${name}-${version.replace(/^v/, "")}`);
	const kubernetes = folder("kubernetes", kubernetesVersion);
	const coreDns = folder("coredns", coreDnsVersion);

	await goBuild(report, {
		name: `Kubernetes ${kubernetesVersion}`,
		module: kubernetesModule,
		packages: kubernetesCommands.map((command) => `k8s.io/kubernetes/cmd/${command}`),
		variables: versionVariables(kubernetesVersion),
		output: kubernetes,
	});
	await goBuild(report, {
		name: `CoreDNS ${coreDnsVersion}`,
		module: coreDnsModule,
		packages: ["github.com/coredns/coredns"],
		output: coreDns,
	});
	const pause = await ownCommand(report, "pause");
	const web = await ownCommand(report, "web");

	return {
		kubernetesVersion,
		coreDnsVersion,
		kubernetes: (command) => join(kubernetes, command),
		coreDns: join(coreDns, "coredns"),
		pause,
		web,
	};
}

/** The variables that `kubectl version` and kubeadm's version checks read. Without them a build calls itself v0.0.0. */
function versionVariables(version: string): Record<string, string> {
	const [major = "", minor = ""] = version.replace(/^v/, "").split(".");
	const variable = "k8s.io/component-base/version";
	return {
		[`${variable}.gitVersion`]: version,
		[`${variable}.gitMajor`]: major,
		[`${variable}.gitMinor`]: minor,
		[`${variable}.gitTreeState`]: "clean",
	};
}

/** Builds a command whose source is beside this file, into a folder whose name has a hash of the source. */
async function ownCommand(report: Report, name: string): Promise<string> {
	const module = new URL(`${name}/`, import.meta.url);
	const source = await readFile(new URL("main.go", module));
	const hash = createHash("sha256").update(source).digest("hex").slice(0, 12);
	const output = cacheDir("bin", `${name}-${hash}`);
	await goBuild(report, { name: `the ${name} command`, module, packages: ["."], output });
	return join(output, name);
}
