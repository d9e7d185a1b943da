import { printable } from "../core/values/printable.ts";
import { failure, type Result, success } from "../core/values/result.ts";

const KINDS = ["free", "joined", "other-node", "partial", "other", "control-plane"] as const;

/** What a machine is to the cluster. */
export interface MachineState {
	/**
	 * No node; this cluster's node; this cluster's node of another name, or once was; the remains of a join; another cluster's node;
	 * part of a control plane.
	 */
	readonly kind: (typeof KINDS)[number];
	/** Of `other-node` its name, of `other` that cluster's API server, of `partial` and `control-plane` what was found; else "". Safe to show. */
	readonly detail: string;
	/** Contents of /etc/machine-id; "" where there is none. */
	readonly machineId: string;
	/** The version of the kubelet that is installed; "" where there is none. Example: `v1.34.4`. */
	readonly kubelet: string;
}

/** Reads what `join-node.sh state` prints: lines of a key and a value. */
export function parseMachineState(output: string): Result<MachineState> {
	const values = new Map(
		output
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => [line.replace(/ .*/, ""), line.replace(/^\S* ?/, "")]),
	);
	const kind = KINDS.find((known) => known === values.get("state"));
	if (kind === undefined) return failure(`no state of a kubelet but: ${printable(output)}`);
	const detail = values.get("detail") ?? "";
	return success({
		kind,
		detail: /^[ -~]{0,200}$/.test(detail) ? detail : printable(detail),
		machineId: values.get("machine-id") ?? "",
		kubelet: values.get("kubelet") ?? "",
	});
}
