import { renderMasquerade } from "../core/plan/masquerade.ts";
import { parsePrefix } from "../core/values/prefix.ts";
import { printable } from "../core/values/printable.ts";
import { all } from "../core/values/result.ts";
import type { ClusterSoftware } from "../kube/software.ts";
import { type Notes, notes, runScriptOrThrow } from "./machine.ts";
import type { NodeRequest } from "./request.ts";

/** Seconds for everything: more than the script's own limits together, so that it is the script that says what took too long. */
export const TIMEOUT = 2200;

export interface Preparation {
	/** Whether anything was not yet as it should be. */
	readonly changed: boolean;
	/** The version of the machine's kubelet, where it was asked for. Example: `v1.34.4`. */
	readonly kubelet: string | undefined;
	readonly notes: Notes;
}

/** What is asked of one preparation besides the request. */
export interface PrepareOptions {
	readonly software: ClusterSoftware;
	/** Whether the kubelet's version is wanted: asking starts it once. */
	readonly askKubelet: boolean;
}

/**
 * Makes the machine ready for kubeadm and for forwarding; what is as it should be is left alone.
 *
 * @throws Error saying what is missing or could not be installed.
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

/** What prepare-node.sh reads: a key and a value a line, texts of more than one word as base64. */
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
