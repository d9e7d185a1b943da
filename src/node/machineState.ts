import { printable } from "../core/values/printable.ts";
import { failure, type Result, success } from "../core/values/result.ts";

const KINDS = ["free", "joined", "other-node", "partial", "other", "control-plane"] as const;

/** A machine's role in the cluster. */
export interface MachineState {
	/**
	 * - `free`: it is not a node.
	 * - `joined`: it is the node of this name in this cluster.
	 * - `other-node`: it is or was a node of another name in this cluster.
	 * - `partial`: it has the remains of an interrupted join.
	 * - `other`: it is a node of another cluster.
	 * - `control-plane`: it is part of a control plane.
	 */
	readonly kind: (typeof KINDS)[number];
	/**
	 * For `other-node` the node's name, for `other` that cluster's API server, for `partial` and `control-plane` the files that
	 * were found; otherwise "". Safe to show.
	 */
	readonly detail: string;
	/** Contents of /etc/machine-id; "" if there is none. */
	readonly machineId: string;
	/** The version of the installed kubelet; "" if there is none. Example: `v1.34.4`. */
	readonly kubelet: string;
}

/** Reads the output of `join-node.sh state`: lines of a key and a value. */
export function parseMachineState(output: string): Result<MachineState> {
	const values = new Map(
		output
			.split("\n")
			.filter((line) => line !== "")
			.map((line) => [line.replace(/ .*/, ""), line.replace(/^\S* ?/, "")]),
	);
	const kind = KINDS.find((known) => known === values.get("state"));
	if (kind === undefined) return failure(`join-node.sh did not print the machine's state: ${printable(output)}`);
	const detail = values.get("detail") ?? "";
	return success({
		kind,
		detail: /^[ -~]{0,200}$/.test(detail) ? detail : printable(detail),
		machineId: values.get("machine-id") ?? "",
		kubelet: values.get("kubelet") ?? "",
	});
}
