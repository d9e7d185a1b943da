import { afterEach, expect, test } from "vitest";
import { readCluster } from "./clusterReading.ts";
import { exampleCertificates } from "./etcd/exampleEtcd.ts";
import { caCertHash } from "./network/clusterInfo.ts";
import { type ApiAnswers, type ExampleApiServer, exampleApiServer } from "./node/exampleApiServer.ts";

const KUBEADM = "/api/v1/namespaces/kube-system/configmaps/kubeadm-config";
const INFO = "/api/v1/namespaces/kube-public/configmaps/cluster-info";
const DNS = "/api/v1/namespaces/kube-system/services/kube-dns";

let server: ExampleApiServer | undefined;

afterEach(() => server?.stop());

const { ca } = exampleCertificates();
const identity = {
	clusters: [
		{
			cluster: {
				server: "https://10.200.0.10:6443",
				"certificate-authority-data": Buffer.from(ca.cert).toString("base64"),
			},
		},
	],
};
const cluster: ApiAnswers = {
	[KUBEADM]: {
		data: {
			ClusterConfiguration:
				"kind: ClusterConfiguration\nkubernetesVersion: v1.34.4\nnetworking: { podSubnet: 192.244.0.0/16, serviceSubnet: 192.96.0.0/16 }\n",
		},
	},
	[INFO]: { data: { kubeconfig: JSON.stringify(identity) } },
	[DNS]: { spec: { clusterIP: "192.96.0.10", clusterIPs: ["192.96.0.10"] } },
};

async function read(answers: ApiAnswers) {
	server = await exampleApiServer(answers);
	return readCluster(server.kubeconfig, "one");
}

test("what the cluster says of itself", async () => {
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

test("everything that makes no sense is a problem, each once", async () => {
	const nonsense = await read({
		...cluster,
		[KUBEADM]: {},
		[INFO]: { data: {} },
		[DNS]: { spec: { clusterIP: "None" } },
	});
	expect(nonsense.ok ? [] : nonsense.problems).toEqual([
		expect.stringContaining("kubeadm-config holds no ClusterConfiguration"),
		expect.stringContaining("cluster-info holds no kubeconfig"),
		expect.stringContaining("None"),
	]);
});

test.each<[number, string]>([
	[403, "the kubeconfig's user may not read Service kube-system/kube-dns"],
	[500, "the API server answers 500 to «read Service kube-system/kube-dns»"],
])("an answer %i says what could not be read", async (code, words) => {
	await expect(read({ ...cluster, [DNS]: code })).rejects.toThrow(words);
});
