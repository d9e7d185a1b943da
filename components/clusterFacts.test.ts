import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeAll, expect, test } from "vitest";
import { parseAddress } from "../src/core/values/address.ts";
import type { Secret } from "../src/settings/model.ts";
import { type ApiAnswers, type ExampleApiServer, exampleApiServer } from "../tests/fixtures/apiServer.ts";
import { must } from "../tests/fixtures/arbitraries.ts";
import { exampleCertificates } from "../tests/fixtures/etcd.ts";
import { ClusterFacts } from "./clusterFacts.ts";

const resources: string[] = [];
let server: ExampleApiServer | undefined;

beforeAll(async () => {
	await pulumi.runtime.setMocks({
		newResource: ({ type, name, inputs }) => {
			resources.push(type);
			return { id: name, state: inputs };
		},
		call: () => ({}),
	});
});
afterEach(() => {
	server?.stop();
	resources.splice(0);
});

const identity = {
	server: "https://10.200.0.10:6443",
	"certificate-authority-data": Buffer.from(exampleCertificates().ca.cert).toString("base64"),
};
const answers: ApiAnswers = {
	"/api/v1/namespaces/kube-system/configmaps/kubeadm-config": {
		data: {
			ClusterConfiguration:
				"kind: ClusterConfiguration\nkubernetesVersion: v1.33.1\nnetworking: { podSubnet: 10.233.64.0/18, serviceSubnet: 10.233.0.0/18 }\n",
		},
	},
	"/api/v1/namespaces/kube-public/configmaps/cluster-info": {
		data: { kubeconfig: JSON.stringify({ clusters: [{ cluster: identity }] }) },
	},
};

test("the cluster's facts are read without a resource, and a nameserver of the settings is not read", async () => {
	const dnsAddresses = [must(parseAddress("10.233.0.3"))];
	server = await exampleApiServer(answers);
	const kubeconfig = pulumi.secret(server.kubeconfig) as Secret;
	const cluster = { kubeconfig, context: "one", calicoEtcd: undefined, dnsAddresses };
	const facts = new ClusterFacts("facts", { cluster });
	const read = pulumi.all([facts.dnsAddresses, facts.kubernetesVersion, facts.podRanges]);
	const found = await new Promise((resolve) => read.apply(resolve));
	expect(found).toMatchObject([dnsAddresses, "1.33", [{ text: "10.233.64.0/18" }]]);
	expect(await pulumi.isSecret(read)).toBe(false);
	expect(resources).toEqual(["pod-gateway:index:ClusterFacts"]);
});
