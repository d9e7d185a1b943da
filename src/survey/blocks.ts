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
	/** Contents of a kubeconfig file, or the file. */
	readonly kubeconfig: SecretText;
	/** Its context; default: its current one. */
	readonly context?: string | undefined;
	/** Calico's etcd, where its records are no custom resources. */
	readonly calicoEtcd?: EtcdAccess | undefined;
}

/** Which nodes have which blocks of pod addresses, by Calico's own records. */
export interface CalicoBlocks {
	/** Undefined where that is not known, such as with another network. */
	readonly records?: BlockRecords;
	/** Why it is not known, where a person can do something about it. */
	readonly notes: readonly string[];
}

/** The blocks that a gateway is to have routes to, as far as that can be read: see {@link readCalicoBlocks}, {@link expectedBlocks}. */
export async function readExpectedBlocks(
	access: RecordsAccess,
	podRanges: readonly Prefix[],
	gateways: readonly string[],
): Promise<ExpectedBlocks> {
	const { records, notes } = await readCalicoBlocks(access);
	if (records) return expectedBlocks(records, podRanges, gateways);
	if (notes.length > 0) return { blocks: [], owners: undefined, pools: [], notes };
	const groups = CALICO_GROUPS.map(({ group }) => group).join(" nor ");
	const nobody = `no records of Calico are there (neither ${groups} is known): the gateway's routes are taken as they are, once there is one`;
	return { blocks: [], owners: new Map(), pools: [], notes: [nobody] };
}

/**
 * Reads Calico's block affinities and pools and the cluster's nodes, all at once. What cannot be read is a note and no error: the
 * records only say what to wait for.
 *
 * @throws Error when the kubeconfig is none.
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

/** Where Calico's records are: native v3 CRDs (3.32) have the second group, for which an aggregation server may answer, too. */
const CALICO_GROUPS = [
	{ group: "crd.projectcalico.org", version: "v1" },
	{ group: "projectcalico.org", version: "v3" },
] as const;

/** The records of the first group that has any; nobody's where no group does. */
async function inFirstGroup(list: (resource: (typeof CALICO_GROUPS)[number]) => Promise<Attempt>): Promise<Attempt> {
	let found: Attempt = { notes: [] };
	for (const resource of CALICO_GROUPS) {
		const here = await list(resource);
		// A group that was left behind empty by a migration is not the one in use.
		if (here.items === undefined ? here.notes.length > 0 : here.items.length > 0) return here;
		if (here.items !== undefined) found = here;
	}
	return found;
}

/** Affinities and pools, each as the cluster's API would have them. */
async function listFromEtcd(access: EtcdAccess): Promise<readonly [Attempt, Attempt]> {
	try {
		const { affinities, pools } = recordsOf(await readKeys(access, CALICO_PREFIXES));
		if (affinities.length === 0 && pools.length === 0) {
			throw new Error(`${access.endpoints.join(", ")}: no records of Calico are there; correct calicoEtcd.endpoints`);
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

/** @param what the permission that it takes: verb and resource. */
async function listOrNote(what: string, list: () => Promise<{ items?: unknown }>): Promise<Attempt> {
	try {
		const { items } = await list();
		if (Array.isArray(items)) return { items, notes: [] };
		return { notes: [unknown(`the answer to «${what}» is no list`)] };
	} catch (error) {
		// Nobody keeps such records here: another network, or Calico on an etcd that the settings do not name.
		if (isNotFound(error)) return { notes: [] };
		if (error instanceof ApiException) return { notes: [unknown(problemOf(error, what))] };
		// The connection's own words are in plain text already.
		const why = error instanceof ClusterUnreachable ? error.message : printableReason((error as Error).message);
		return { notes: [unknown(`cannot ${what}: ${why}`)] };
	}
}

function unknown(why: string): string {
	return `not known which blocks the gateway is to have routes to: ${why}`;
}
