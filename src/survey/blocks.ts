import { ApiException, CoreV1Api, CustomObjectsApi } from "@kubernetes/client-node";
import { type BlockRecords, type ExpectedBlocks, expectedBlocks } from "../core/calico/blocks.ts";
import { CALICO_PREFIXES, recordsOf } from "../core/calico/etcdRecords.ts";
import type { Prefix } from "../core/values/prefix.ts";
import { printableReason } from "../core/values/printable.ts";
import type { SecretText } from "../core/values/secretText.ts";
import { ClusterUnreachable, clusterConnection } from "../kube/connection.ts";
import { isNotFound, problemOf } from "../kube/problem.ts";
import { type EtcdAccess, readKeys } from "./etcd/etcd.ts";

/** How to read the cluster's records. */
export interface RecordsAccess {
	/** A kubeconfig's text or file. */
	readonly kubeconfig: SecretText;
	/** A context of it. Default: its current one. */
	readonly context?: string | undefined;
	/** Calico's etcd. Absent if Calico's records are custom resources. */
	readonly calicoEtcd?: EtcdAccess | undefined;
}

/** Calico's records of which node owns which block. */
export interface CalicoBlocks {
	/** Undefined if they are unknown, for example in a cluster with another network. */
	readonly records?: BlockRecords;
	/** Why they are unknown, if a person can do something about it. */
	readonly notes: readonly string[];
}

/** Reads the blocks that a gateway should have routes to. See {@link readCalicoBlocks} and {@link expectedBlocks}. */
export async function readExpectedBlocks(
	access: RecordsAccess,
	podRanges: readonly Prefix[],
	gateways: readonly string[],
): Promise<ExpectedBlocks> {
	const { records, notes } = await readCalicoBlocks(access);
	if (records) return expectedBlocks(records, podRanges, gateways);
	if (notes.length > 0) return { blocks: [], owners: undefined, pools: [], notes };
	const groups = CALICO_GROUPS.map(({ group }) => group).join(" nor ");
	const without = `the cluster does not have records of Calico (its API knows neither ${groups}), so the gateway's routes are used as soon as there is one`;
	return { blocks: [], owners: new Map(), pools: [], notes: [without] };
}

/**
 * Reads Calico's block affinities and pools and the cluster's nodes, all at once. Records that cannot be read give a note and
 * not an error, because they only tell what to wait for.
 *
 * @throws Error if the kubeconfig cannot be read.
 */
export async function readCalicoBlocks({ kubeconfig, context, calicoEtcd }: RecordsAccess): Promise<CalicoBlocks> {
	const connection = clusterConnection(kubeconfig, context);
	const custom = (plural: string) =>
		inFirstGroup((resource) =>
			listOrNote(`list ${plural}.${resource.group}`, () =>
				new CustomObjectsApi(connection).listClusterCustomObject({ ...resource, plural }),
			),
		);
	const [[affinities, pools], nodes] = await Promise.all([
		calicoEtcd ? listFromEtcd(calicoEtcd) : Promise.all([custom("blockaffinities"), custom("ippools")]),
		listOrNote("list nodes", () => new CoreV1Api(connection).listNode()),
	]);
	const notes = [...affinities.notes, ...pools.notes, ...nodes.notes];
	if (affinities.items === undefined || nodes.items === undefined) return { notes };
	return { records: { affinities: affinities.items, pools: pools.items ?? [], nodes: nodes.items }, notes };
}

/** The API groups of Calico's records. Calico 3.32's native v3 CRDs, or an aggregation server, have the second one. */
const CALICO_GROUPS = [
	{ group: "crd.projectcalico.org", version: "v1" },
	{ group: "projectcalico.org", version: "v3" },
] as const;

/** The records of the first group that has any. */
async function inFirstGroup(list: (resource: (typeof CALICO_GROUPS)[number]) => Promise<Attempt>): Promise<Attempt> {
	let found: Attempt = { notes: [] };
	for (const resource of CALICO_GROUPS) {
		const here = await list(resource);
		// A migration may leave an empty group behind, which is not in use.
		if (here.items === undefined ? here.notes.length > 0 : here.items.length > 0) return here;
		if (here.items !== undefined) found = here;
	}
	return found;
}

/** Affinities and pools, in the form of the cluster's API. */
async function listFromEtcd(access: EtcdAccess): Promise<readonly [Attempt, Attempt]> {
	try {
		const { affinities, pools } = recordsOf(await readKeys(access, CALICO_PREFIXES));
		if (affinities.length === 0 && pools.length === 0) {
			throw new Error(`${access.endpoints.join(", ")}: does not hold Calico's records; correct calicoEtcd.endpoints`);
		}
		return [
			{ items: affinities, notes: [] },
			{ items: pools, notes: [] },
		];
	} catch (error) {
		return [{ notes: [unknown(`cannot read Calico's etcd: ${(error as Error).message}`)] }, { notes: [] }];
	}
}

interface Attempt {
	readonly items?: readonly unknown[];
	readonly notes: readonly string[];
}

/** @param what the request as a permission: verb and resource. */
async function listOrNote(what: string, list: () => Promise<{ items?: unknown }>): Promise<Attempt> {
	try {
		const { items } = await list();
		if (Array.isArray(items)) return { items, notes: [] };
		return { notes: [unknown(`the answer to «${what}» is not a list`)] };
	} catch (error) {
		// The cluster has another network, or Calico uses an etcd that the settings do not name.
		if (isNotFound(error)) return { notes: [] };
		if (error instanceof ApiException) return { notes: [unknown(problemOf(error, what))] };
		// The message of ClusterUnreachable is already safe to show.
		const why = error instanceof ClusterUnreachable ? error.message : printableReason((error as Error).message);
		return { notes: [unknown(`cannot ${what}: ${why}`)] };
	}
}

function unknown(why: string): string {
	return `it is unknown which blocks the gateway should have routes to: ${why}`;
}
