import { randomUUID } from "node:crypto";
import type { V1Node } from "@kubernetes/client-node";

/** Annotation of the Node: which run of `join` was the last one that came to its end. */
export const JOIN_ANNOTATION = "pod-gateway/join";

/** A new one for each run. */
export function newJoinId(): string {
	return randomUUID();
}

/**
 * Whether the node was joined once more after the run that the caller knows of: then it is not the caller's to take away. So it is
 * when a resource is replaced in its place, as the new one's `join` runs before the old one's `leave`.
 *
 * @param known the output of that run; "" where unknown.
 */
export function joinedSince(known: string, node: V1Node): boolean {
	const last = node.metadata?.annotations?.[JOIN_ANNOTATION] ?? "";
	return known.trim() !== "" && last !== "" && last !== known.trim();
}
