import { site } from "../site.ts";
import { apply, kubectl } from "./kubectl.ts";

/** Calico's record that a block of pod addresses belongs to a node: a confirmed affinity. */
export function blockAffinity(node: string, cidr: string) {
	return {
		apiVersion: "crd.projectcalico.org/v1",
		kind: "BlockAffinity",
		metadata: { name: affinityName(node, cidr) },
		spec: { cidr, deleted: "false", node, state: "confirmed" },
	};
}

/** Calico's name for it: `ku13-1` and `192.244.190.128/26` give `ku13-1-192-244-190-128-26`. */
export function affinityName(node: string, cidr: string): string {
	return `${node}-${cidr.replaceAll(/[./:]/g, "-")}`;
}

/** The pool that all blocks are cut from, without overlay: pod addresses are routed as they are. */
export function ipPool() {
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

/** Gives a node one more block of pod addresses; its route is on every node some seconds later. */
export async function addBlock(node: string, cidr: string): Promise<void> {
	await apply([blockAffinity(node, cidr)]);
}

/** Takes a block from a node; one that it does not have is no error. */
export async function removeBlock(node: string, cidr: string): Promise<void> {
	await kubectl(["delete", "blockaffinities.crd.projectcalico.org", affinityName(node, cidr), "--ignore-not-found"]);
}
