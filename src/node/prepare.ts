import { renderMasquerade } from "../core/plan/masquerade.ts";
import { parsePrefix } from "../core/values/prefix.ts";
import { printable } from "../core/values/printable.ts";
import { all } from "../core/values/result.ts";
import type { ClusterSoftware } from "../kube/software.ts";
import { type Notes, notes, runScriptOrThrow } from "./machine.ts";
import type { NodeRequest } from "./request.ts";

/** Seconds for everything. They exceed the sum of the script's own limits, so that the script can tell which step took too long. */
export const TIMEOUT = 2200;

/** The result of a preparation. */
export interface Preparation {
	/** Whether it changed the machine. */
	readonly changed: boolean;
	/** The version of the machine's kubelet; undefined if it was not asked for. Example: `v1.34.4`. */
	readonly kubelet: string | undefined;
	readonly notes: Notes;
}

/** The input of a preparation besides the request. */
export interface PrepareOptions {
	readonly software: ClusterSoftware;
	/** Whether to read the kubelet's version, which starts the kubelet once. */
	readonly askKubelet: boolean;
}

/**
 * Prepares the machine for kubeadm and for forwarding. Does not touch what is already as it should be.
 *
 * @throws Error that names what is missing or could not be installed.
 */
export async function prepareMachine(request: NodeRequest, options: PrepareOptions): Promise<Preparation> {
	const result = await runScriptOrThrow(request.machine, "preparing the machine", "prepare-node.sh", {
		input: prepareInput(request, options),
		timeout: TIMEOUT,
	});
	const said = /^(changed|unchanged)\n(?:kubelet (v\S+)\n)?$/.exec(result.stdout);
	if (!said) throw new Error(`preparing ${request.machine.host} ended with ${printable(result.stdout)}`);
	return { changed: said[1] === "changed", kubelet: said[2], notes: notes(result) };
}

/** The input of prepare-node.sh: a key and a value per line. Texts of several words are base64. */
export function prepareInput(
	{ software: wanted, masquerade }: Pick<NodeRequest, "software" | "masquerade">,
	{ software, askKubelet }: PrepareOptions,
): string {
	const ranges = all(masquerade.map((range) => parsePrefix(range)));
	if (!ranges.ok) throw new Error(`masquerade: ${ranges.problems.join("; ")}`);
	const rules = renderMasquerade(ranges.value);
	const lines: readonly (readonly [string, string])[] = [
		["source", wanted.source],
		["version", wanted.version],
		["repository", wanted.repository],
		["repository-key", base64(wanted.repositoryKey)],
		["cgroup-driver", software.cgroupDriver],
		["image-repository", software.imageRepository],
		["kubernetes-version", software.kubernetesVersion],
		...(software.resolvConf === undefined ? [] : [["resolv-conf", software.resolvConf] as const]),
		...(rules === "" ? [] : [["masquerade", base64(rules)] as const]),
		...(askKubelet ? [["print-kubelet", "yes"] as const] : []),
	];
	return lines.map((line) => `${line.join(" ")}\n`).join("");
}

function base64(text: string): string {
	return Buffer.from(text.trim()).toString("base64");
}
