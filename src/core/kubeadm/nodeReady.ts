/** A Node object, as far as its readiness goes. */
interface NodeWithConditions {
	readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] } | undefined;
}

/** Whether the node's kubelet calls it ready. */
export function isReady({ status }: NodeWithConditions): boolean {
	return status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ?? false;
}
