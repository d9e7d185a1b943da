import type { V1Pod } from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../kube/client.ts";
import { drain, mustLeave } from "./drain.ts";

const pod = (name: string, more: Partial<V1Pod> = {}): V1Pod => ({
	metadata: { name, namespace: "default", uid: name, ...more.metadata },
	status: { phase: "Running", ...more.status },
});
const controlledBy = (kind: string) => ({
	metadata: { ownerReferences: [{ apiVersion: "apps/v1", kind, name: "x", uid: "x", controller: true }] },
});

describe("which pods must leave", () => {
	test.each([
		["a StatefulSet's", pod("web-0", controlledBy("StatefulSet")), true],
		["one without a controller", pod("lone"), true],
		["a DaemonSet's", pod("calico-node", controlledBy("DaemonSet")), false],
		[
			"a static pod's mirror",
			pod("etcd", { metadata: { annotations: { "kubernetes.io/config.mirror": "x" } } }),
			false,
		],
		["one that succeeded", pod("job", { status: { phase: "Succeeded" } }), false],
		["one that failed", pod("job", { status: { phase: "Failed" } }), false],
	])("%s", (_, candidate, leaves) => expect(mustLeave(candidate)).toBe(leaves));
});

describe("a drain", () => {
	/** A cluster in which evicted pods are gone at once, except those in `held`, which a budget holds. */
	function cluster(pods: V1Pod[], held: readonly string[] = []) {
		const events: string[] = [];
		const present = new Set(pods);
		const fake = {
			cordon: async (node: string) => void events.push(`cordon ${node}`),
			podsOn: async () => [...present],
			pod: async (one: V1Pod) => (present.has(one) ? one : undefined),
			evict: async (one: V1Pod) => {
				if (held.includes(one.metadata?.name ?? "")) return false;
				events.push(`evict ${one.metadata?.name}`);
				return present.delete(one);
			},
		};
		return { events, cluster: fake as unknown as Cluster };
	}

	test("ends in time, even with a hundred slow requests", async () => {
		const { cluster: fake } = cluster(Array.from({ length: 100 }, (_, index) => pod(`web-${index}`)));
		let asked = 0;
		fake.evict = async () => {
			asked++;
			await new Promise((resolve) => setTimeout(resolve, 60));
			return false;
		};
		await expect(drain(fake, "gw-1", 0.3)).rejects.toThrow(
			/^gw-1 is not drained after 0\.3 s; still there: default\/web-0, /,
		);
		expect(asked).toBeLessThan(20);
	});

	test("cordons first, and does not evict DaemonSets' pods", async () => {
		const { events, cluster: fake } = cluster([pod("web-0"), pod("kube-proxy", controlledBy("DaemonSet"))]);
		expect(await drain(fake, "gw-1", 5)).toEqual(["default/web-0"]);
		expect(events).toEqual(["cordon gw-1", "evict web-0"]);
	});

	test("names the pods that a budget held when its time is over", async () => {
		const { cluster: fake } = cluster([pod("web-0"), pod("web-1")], ["web-1"]);
		await expect(drain(fake, "gw-1", 0.5)).rejects.toThrow(
			"gw-1 is not drained after 0.5 s; still there: default/web-1; held by a PodDisruptionBudget: default/web-1",
		);
	});
});

describe("a drain that does not wait for a dead kubelet", () => {
	const statuses = async (status: string) => {
		let asked = 0;
		const stuck = pod("web-0");
		const fake = {
			cordon: async () => {},
			podsOn: async () => [stuck],
			// Gone after a second.
			pod: async () => (++asked > 2 ? undefined : stuck),
			evict: async () => true,
			node: async () => ({ status: { conditions: [{ type: "Ready", status }] } }),
		};
		return await drain(fake as unknown as Cluster, "gw-1", 60, 0.2);
	};

	test("gives up on it", async () => {
		await expect(statuses("Unknown")).rejects.toThrow("gw-1 is not ready, so its kubelet does not end these pods");
	});

	test("waits for one that answers", async () => {
		expect(await statuses("True")).toEqual(["default/web-0"]);
	});
});
