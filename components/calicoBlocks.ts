import { ApiException, CoreV1Api, CustomObjectsApi } from "@kubernetes/client-node";
import type { BlockRecords } from "./network/blocks.ts";
import { quote } from "./network/quote.ts";
import { ClusterUnreachable, clusterConnection } from "./node/clusterConnection.ts";

/** Which nodes have which blocks of pod addresses, by Calico's own records. */
export interface CalicoBlocks {
	/** Undefined where that is not known, such as with Calico on etcd or with another network. */
	readonly records?: BlockRecords;
	/** Why it is not known, where a person can do something about it. */
	readonly notes: readonly string[];
}

/**
 * Reads Calico's block affinities and the cluster's nodes, both at once. What cannot be read is a note and no error: the records
 * only say what to wait for.
 *
 * @param kubeconfig contents of a kubeconfig file. @param context its context; default: its current one.
 * @throws Error when the kubeconfig is none.
 */
export async function readCalicoBlocks(kubeconfig: string, context?: string): Promise<CalicoBlocks> {
	const connection = clusterConnection(kubeconfig, context);
	const resource = { group: "crd.projectcalico.org", version: "v1", plural: "blockaffinities" };
	const [affinities, pools, nodes] = await Promise.all([
		attempt("list blockaffinities.crd.projectcalico.org", () =>
			new CustomObjectsApi(connection).listClusterCustomObject(resource),
		),
		attempt("list ippools.crd.projectcalico.org", () =>
			new CustomObjectsApi(connection).listClusterCustomObject({ ...resource, plural: "ippools" }),
		),
		attempt("list nodes", () => new CoreV1Api(connection).listNode()),
	]);
	const notes = [...affinities.notes, ...pools.notes, ...nodes.notes];
	if (affinities.items === undefined || nodes.items === undefined) return { notes };
	return { records: { affinities: affinities.items, pools: pools.items ?? [], nodes: nodes.items }, notes };
}

interface Attempt {
	readonly items?: readonly unknown[];
	readonly notes: readonly string[];
}

/** @param what the permission that it takes: verb and resource. */
async function attempt(what: string, list: () => Promise<{ items?: unknown }>): Promise<Attempt> {
	try {
		const { items } = await list();
		if (Array.isArray(items)) return { items, notes: [] };
		return { notes: [unknown(`the answer to «${what}» is no list`)] };
	} catch (error) {
		if (error instanceof ApiException) {
			// Nobody keeps such records here: Calico on etcd, or another network.
			if (error.code === 404) return { notes: [] };
			const forbidden = error.code === 403;
			const why = forbidden
				? `the kubeconfig's user may not ${what}`
				: `the API server answers ${error.code} to «${what}»`;
			return { notes: [unknown(why)] };
		}
		// The connection's own words are in plain text already.
		const why = error instanceof ClusterUnreachable ? error.message : quote((error as Error).message);
		return { notes: [unknown(`cannot ${what}: ${why}`)] };
	}
}

function unknown(why: string): string {
	return `not known which blocks the gateway is to have routes to: ${why}`;
}
