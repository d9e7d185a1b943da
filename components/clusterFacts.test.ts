import * as pulumi from "@pulumi/pulumi";
import { expect, test, vi } from "vitest";
import { parseAddress } from "./network/address.ts";
import { must } from "./network/arbitraries.ts";

test("a nameserver that is set is not asked for", async () => {
	const read: string[] = [];
	const configuration =
		"kind: ClusterConfiguration\nkubernetesVersion: v1.33.1\nnetworking: { podSubnet: 10.233.64.0/18, serviceSubnet: 10.233.0.0/18 }\n";
	await pulumi.runtime.setMocks({
		newResource: ({ id = "", name, inputs }) => {
			if (id !== "") read.push(id);
			// What else is read is no matter here: it never comes.
			if (id === "kube-public/cluster-info") return new Promise(() => {});
			return { id: id || name, state: { ...inputs, data: { ClusterConfiguration: configuration } } };
		},
		call: () => ({}),
	});
	const { ClusterFacts } = await import("./clusterFacts.ts");
	const dnsAddresses = [must(parseAddress("10.233.0.3"))];
	const cluster = { kubeconfig: pulumi.output(pulumi.secret("none")), calicoEtcd: undefined, dnsAddresses };
	const facts = new ClusterFacts("cluster", { cluster });
	const found = vi.fn();
	facts.dnsAddresses.apply(found);
	await vi.waitFor(() => expect(found).toHaveBeenCalledWith(dnsAddresses));
	await vi.waitFor(() => expect(read).toContain("kube-system/kubeadm-config"));
	expect(read).not.toContain("kube-system/kube-dns");
});
