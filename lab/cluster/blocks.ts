import { site, type Worker } from "../site.ts";
import { deleteKey, putKey } from "./etcd.ts";
import { apply, kubectl } from "./kubectl.ts";

/** Calico's record that a block of pod addresses belongs to a node: a confirmed affinity. */
function blockAffinity(node: string, cidr: string) {
	return {
		apiVersion: "crd.projectcalico.org/v1",
		kind: "BlockAffinity",
		metadata: { name: affinityName(node, cidr) },
		spec: { cidr, deleted: "false", node, state: "confirmed" },
	};
}

/** Calico's name for an affinity: `ku13-1` and `192.244.190.128/26` give `ku13-1-192-244-190-128-26`. */
export function affinityName(node: string, cidr: string): string {
	return `${node}-${cidr.replaceAll(/[./:]/g, "-")}`;
}

/** The pool of all blocks. It has no overlay: pod addresses are routed as they are. */
function ipPool() {
	return {
		apiVersion: "crd.projectcalico.org/v1",
		kind: "IPPool",
		metadata: { name: "default-ipv4-ippool" },
		spec: {
			cidr: site.podRange,
			blockSize: 26,
			ipipMode: "Never",
			vxlanMode: "Never",
			natOutgoing: true,
			nodeSelector: "all()",
		},
	};
}

/** Calico's key for an affinity in etcd: `/calico/ipam/v2/host/ku13-1/ipv4/block/192.244.190.128-26`. */
export function affinityKey(node: string, cidr: string): string {
	return `/calico/ipam/v2/host/${node}/ipv4/block/${cidr.replace("/", "-")}`;
}

/** The pool and the blocks that a site begins with, in both kinds of records that Calico may have. */
export async function recordBlocks(nodes: readonly Worker[]): Promise<void> {
	const blocks = nodes.flatMap(({ name, blocks }) => blocks.map((cidr) => [name, cidr] as const));
	const pool = ipPool();
	await apply([pool, ...blocks.map(([node, cidr]) => blockAffinity(node, cidr))]);
	const { name } = pool.metadata;
	await putKey(`/calico/resources/v3/projectcalico.org/ippools/${name}`, {
		...pool,
		apiVersion: "projectcalico.org/v3",
	});
	for (const [node, cidr] of blocks) await recordInEtcd(node, cidr);
}

/** Gives a node one more block of pod addresses. Every node has its route some seconds later. */
export async function addBlock(node: string, cidr: string): Promise<void> {
	await apply([blockAffinity(node, cidr)]);
	await recordInEtcd(node, cidr);
}

/** Takes a block from a node. It is not an error if the node does not have the block. */
export async function removeBlock(node: string, cidr: string): Promise<void> {
	await kubectl(["delete", "blockaffinities.crd.projectcalico.org", affinityName(node, cidr), "--ignore-not-found"]);
	await forgetInEtcd(node, cidr);
}

/** Writes only the block's record in etcd. This does not add a route, because the lab's calico-node reads the other kind of records. */
export async function recordInEtcd(node: string, cidr: string): Promise<void> {
	await putKey(affinityKey(node, cidr), { state: "confirmed", deleted: false });
}

/** Removes only the block's record in etcd. Its route stays. */
export async function forgetInEtcd(node: string, cidr: string): Promise<void> {
	await deleteKey(affinityKey(node, cidr));
}
