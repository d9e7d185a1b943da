import { afterEach, expect, test } from "vitest";
import {
	type ApiAnswers,
	CLUSTER_INFO,
	type ExampleApiServer,
	exampleApiServer,
	KUBE_DNS,
	KUBEADM_CONFIG,
	kubeadmAnswers,
} from "../../tests/fixtures/apiServer.ts";
import { must } from "../../tests/fixtures/arbitraries.ts";
import { exampleCertificates } from "../../tests/fixtures/etcd.ts";
import { caCertHash } from "../core/kubeadm/clusterInfo.ts";
import { parseAddress } from "../core/values/address.ts";
import { readCluster } from "./cluster.ts";

const LABELLED = "/api/v1/namespaces/kube-system/services?labelSelector=k8s-app%3Dkube-dns";

let server: ExampleApiServer | undefined;

afterEach(() => server?.stop());

const { ca } = exampleCertificates();
const cluster = kubeadmAnswers(ca.cert);

async function read(answers: ApiAnswers) {
	server = await exampleApiServer(answers);
	return readCluster(server.kubeconfig, "one");
}

test("reads the cluster's own facts", async () => {
	expect(await read(cluster)).toMatchObject({
		ok: true,
		value: {
			podRanges: [{ text: "192.244.0.0/16" }],
			serviceRanges: [{ text: "192.96.0.0/16" }],
			dnsAddresses: [{ text: "192.96.0.10" }],
			domain: "cluster.local",
			endpoint: "10.200.0.10:6443",
			caCertHashes: [caCertHash(ca.cert)],
			kubernetesVersion: "1.34",
		},
	});
});

test("every unreadable record is a problem, each once", async () => {
	const nonsense = await read({
		...cluster,
		[KUBEADM_CONFIG]: {},
		[CLUSTER_INFO]: { data: {} },
		[KUBE_DNS]: { spec: { clusterIP: "None" } },
	});
	expect(nonsense.ok ? [] : nonsense.problems).toEqual([
		expect.stringContaining("kubeadm-config does not hold a ClusterConfiguration"),
		expect.stringContaining("cluster-info does not hold a kubeconfig"),
		expect.stringContaining("None"),
	]);
});

test.each<[number, string, string]>([
	[403, KUBE_DNS, "the kubeconfig's user may not read Service kube-system/kube-dns"],
	[500, KUBE_DNS, "the API server answers 500 to «read Service kube-system/kube-dns»"],
	[404, KUBEADM_CONFIG, "the cluster does not have the ConfigMap kube-system/kubeadm-config, which kubeadm makes"],
])("an answer %i gives an error that names what could not be read", async (code, path, words) => {
	await expect(read({ ...cluster, [path]: code })).rejects.toThrow(words);
});

const service = (name: string, clusterIP: string) => ({
	metadata: { name },
	spec: { clusterIP, clusterIPs: [clusterIP] },
});

test("a nameserver with another name is found by its label", async () => {
	const items = [service("coredns", "192.96.0.3"), service("coredns-metrics", "None")];
	expect(await read({ ...cluster, [KUBE_DNS]: 404, [LABELLED]: { items } })).toMatchObject({
		ok: true,
		value: { dnsAddresses: [{ text: "192.96.0.3" }] },
	});
});

test.each<[string, object[], string]>([
	["missing", [], "none there has the label k8s-app=kube-dns; set pod-gateway:cluster.dnsAddresses"],
	[
		"ambiguous",
		[service("a", "192.96.0.3"), service("b", "192.96.0.4")],
		'several Services there have the label k8s-app=kube-dns ("a", "b"); set pod-gateway:cluster.dnsAddresses',
	],
])("if the nameserver is %s, the refusal names the setting", async (_, items, words) => {
	await expect(read({ ...cluster, [KUBE_DNS]: 404, [LABELLED]: { items } })).rejects.toThrow(words);
});

test("the cluster is not asked for values that the settings give", async () => {
	const dnsAddresses = [must(parseAddress("192.96.0.7"))];
	server = await exampleApiServer({ ...cluster, [KUBE_DNS]: 403 });
	expect(await readCluster(server.kubeconfig, "one", { dnsAddresses })).toMatchObject({
		ok: true,
		value: { dnsAddresses },
	});
});
