import { randomUUID } from "node:crypto";
import type { V1Node } from "@kubernetes/client-node";

/** The Node's annotation with the id of the last run of `join` that succeeded. */
export const JOIN_ANNOTATION = "pod-gateway/join";

/** A new id, for each run of `join`. */
export function newJoinId(): string {
	return randomUUID();
}

/**
 * Whether a later run has joined the node again. The caller must then leave the node alone. This happens when Pulumi replaces a
 * resource in place: the new `join` runs before the old `leave`.
 *
 * @param known the output of the join that the caller undoes; "" if unknown.
 */
export function joinedSince(known: string, node: V1Node): boolean {
	const last = node.metadata?.annotations?.[JOIN_ANNOTATION] ?? "";
	return known.trim() !== "" && last !== "" && last !== known.trim();
}
