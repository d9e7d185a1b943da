/** The part of a Node object that says whether it is ready. */
interface NodeWithConditions {
	readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } | undefined;
}

/** Whether the node's condition `Ready` is true. */
export function isReady({ status }: NodeWithConditions): boolean {
	return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;
}
