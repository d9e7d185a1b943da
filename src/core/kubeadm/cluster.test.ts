import { describe, expect, test } from "vitest";
import { must } from "../../../tests/fixtures/arbitraries.ts";
import { parseAddress } from "../values/address.ts";
import { parseTaint } from "../values/taint.ts";
import { caCertHash, parseClusterInfo } from "./clusterInfo.ts";
import { parseClusterConfiguration } from "./clusterRanges.ts";
import { endpointOf, renderJoinConfiguration } from "./joinConfiguration.ts";

/** Made for this test; its key was deleted. The hash comes from openssl x509, pkey and sha256sum. */
const CA = `-----BEGIN CERTIFICATE-----
MIIBgjCCASegAwIBAgIURzzq/+RZ8hDEry5JqlkbNOv156wwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAgFw0yNjExMjIxOTEzMzBaGA8yMTI2MTAy
OTE5MTMzMFowFTETMBEGA1UEAwwKa3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABK0LbR1xCs99FS0Ec0mdf2Ja778mqClY29m7O1vMlddvi2HiBk7Y
hBP23VLotmVbegKkUAVrrNIYqWX9RDbEgx6jUzBRMB0GA1UdDgQWBBRv6ENbjP+E
zcgc0i8OIhJNmX6MsjAfBgNVHSMEGDAWgBRv6ENbjP+Ezcgc0i8OIhJNmX6MsjAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQCUPaVU//5uaKH/IOFA
ddNoi853nrExyTGJn3kkPFTz4wIhAKLq+Cau6eI/C9BjN67U7BiXp21wV+/3F4tM
twTPn2YG
-----END CERTIFICATE-----
`;
const CA_HASH = "sha256:906e8e893ce7a73ae5ee59ac8017cb1c22b12d4bdfa9774e3d4d53cb3914f7e0";

describe("parseClusterConfiguration", () => {
	const read = (networking: string, version = "v1.34.4") => {
		const parsed = parseClusterConfiguration(
			`apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: ${version}\n${networking}`,
		);
		if (!parsed.ok) return parsed.problems;
		const { podRanges, serviceRanges, domain } = parsed.value;
		return { pods: podRanges.map(({ text }) => text), services: serviceRanges.map(({ text }) => text), domain };
	};

	test("as kubeadm writes it", () => {
		expect(
			read("networking:\n  dnsDomain: cluster.local\n  podSubnet: 192.244.0.0/16\n  serviceSubnet: 192.96.0.0/16\n"),
		).toEqual({ pods: ["192.244.0.0/16"], services: ["192.96.0.0/16"], domain: "cluster.local" });
	});

	test("with two families, in any order, and with host bits, which Kubernetes ignores", () => {
		expect(
			read("networking:\n  podSubnet: fd00:244::1/56, 192.244.0.1/16\n  serviceSubnet: 192.96.0.0/16,fd00:96::/112\n"),
		).toEqual({
			pods: ["fd00:244::/56", "192.244.0.0/16"],
			services: ["192.96.0.0/16", "fd00:96::/112"],
			domain: "cluster.local",
		});
	});

	test("with kubeadm's own defaults", () => {
		expect(read("networking: {}\n")).toEqual({ pods: [], services: ["10.96.0.0/12"], domain: "cluster.local" });
	});

	test("the cluster's software", () => {
		const head = "kind: ClusterConfiguration\nkubernetesVersion: v1.34.4\n";
		expect(
			[head, `${head}imageRepository: registry.example.org:5000/k8s\n`].map(parseClusterConfiguration),
		).toMatchObject([
			{ value: { kubernetesVersion: "v1.34.4", imageRepository: "registry.k8s.io" } },
			{ value: { kubernetesVersion: "v1.34.4", imageRepository: "registry.example.org:5000/k8s" } },
		]);
		expect(parseClusterConfiguration("kind: ClusterConfiguration\n")).toEqual({
			ok: false,
			problems: ['kubeadm-config: kubernetesVersion: "" is not a Kubernetes version such as v1.34.4 or 1.34'],
		});
		expect(parseClusterConfiguration(`${head}imageRepository: "a; reboot"\n`).ok).toBe(false);
	});

	test("every problem is listed", () => {
		expect(
			read('networking:\n  podSubnet: 192.244.0.0\n  serviceSubnet: "; reboot"\n  dnsDomain: "a b"\n', '"1,34"'),
		).toEqual([
			'kubeadm-config: podSubnet: "192.244.0.0" has no prefix length; did you mean 192.244.0.0/32?',
			'kubeadm-config: serviceSubnet: "; reboot" is not a prefix such as 192.0.2.0/24 or fd00::/64',
			'"a b" is not a DNS name such as cluster.local',
			'kubeadm-config: kubernetesVersion: "1,34" is not a Kubernetes version such as v1.34.4 or 1.34',
		]);
	});

	test.each(["", "kind: Other\n", "[", "a: &a [*a, *a]\n", "kind: ClusterConfiguration\nnetworking: 7\n"])(
		"%j is an error",
		(yaml) => {
			expect(parseClusterConfiguration(yaml)).toMatchObject({
				ok: false,
				problems: [expect.stringContaining("kubeadm-config does not hold a ClusterConfiguration")],
			});
		},
	);
});

describe("parseClusterInfo", () => {
	const kubeconfig = (server: string, ca: string) =>
		`apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: ${Buffer.from(ca).toString("base64")}\n    server: ${server}\n  name: ""\nkind: Config\nusers: null\n`;

	test("the API server and the hash of every CA", () => {
		expect(must(parseClusterInfo(kubeconfig("https://10.200.0.10:6443", CA + CA)))).toEqual({
			apiServer: "https://10.200.0.10:6443",
			caCertificate: CA + CA,
			caCertHashes: [CA_HASH, CA_HASH],
		});
	});

	test.each([
		["no YAML", "["],
		["no cluster", "clusters: []"],
		["plain http", kubeconfig("http://10.200.0.10:6443", CA)],
		["a broken URL", kubeconfig('"https://10.200.0.10:6443\\nx"', CA)],
		["no certificate", kubeconfig("https://10.200.0.10:6443", "hello")],
		["a broken certificate", kubeconfig("https://10.200.0.10:6443", CA.replace("MII", "AAA"))],
	])("%s is an error", (_, yaml) => {
		expect(parseClusterInfo(yaml).ok).toBe(false);
	});
});

test("caCertHash is kubeadm's", () => {
	expect(caCertHash(CA)).toBe(CA_HASH);
});

test("endpointOf is what kubeadm takes", () => {
	expect(["https://10.200.0.10:6443", "https://[fd00::1]:6443", "https://api.example.org"].map(endpointOf)).toEqual([
		"10.200.0.10:6443",
		"[fd00::1]:6443",
		"api.example.org:443",
	]);
});

describe("renderJoinConfiguration", () => {
	const discovery = {
		apiServerEndpoint: "10.200.0.10:6443",
		token: "abcdef.0123456789abcdef",
		caCertHashes: [CA_HASH],
	};
	const node = {
		name: "gw-1",
		taints: [must(parseTaint("pod-gateway=true:NoSchedule"))],
		labels: { "pod-gateway": "true", "example.org/rack": "7" },
		addresses: ["10.200.0.20", "fd00:200::20"].map((text) => must(parseAddress(text))),
	};

	test("with everything", () => {
		expect(
			renderJoinConfiguration(
				{ ...node, ignorePreflightErrors: ["SystemVerification"], imagePullPolicy: "Never" },
				discovery,
			),
		).toMatchInlineSnapshot(`
			"apiVersion: kubeadm.k8s.io/v1beta4
			kind: JoinConfiguration
			discovery:
			  bootstrapToken:
			    apiServerEndpoint: 10.200.0.10:6443
			    token: abcdef.0123456789abcdef
			    caCertHashes:
			      - sha256:906e8e893ce7a73ae5ee59ac8017cb1c22b12d4bdfa9774e3d4d53cb3914f7e0
			timeouts:
			  discovery: 60s
			nodeRegistration:
			  name: gw-1
			  taints:
			    - key: pod-gateway
			      value: "true"
			      effect: NoSchedule
			  kubeletExtraArgs:
			    - name: node-labels
			      value: example.org/rack=7,pod-gateway=true
			    - name: node-ip
			      value: 10.200.0.20,fd00:200::20
			  ignorePreflightErrors:
			    - SystemVerification
			  imagePullPolicy: Never
			"
		`);
	});

	test("with the least", () => {
		expect(renderJoinConfiguration({ ...node, labels: {}, taints: [] }, discovery)).toMatchInlineSnapshot(`
			"apiVersion: kubeadm.k8s.io/v1beta4
			kind: JoinConfiguration
			discovery:
			  bootstrapToken:
			    apiServerEndpoint: 10.200.0.10:6443
			    token: abcdef.0123456789abcdef
			    caCertHashes:
			      - sha256:906e8e893ce7a73ae5ee59ac8017cb1c22b12d4bdfa9774e3d4d53cb3914f7e0
			timeouts:
			  discovery: 60s
			nodeRegistration:
			  name: gw-1
			  taints: []
			  kubeletExtraArgs:
			    - name: node-ip
			      value: 10.200.0.20,fd00:200::20
			"
		`);
	});

	test("the CA's path is that of the cluster's kubelets", () => {
		const own = renderJoinConfiguration(node, { ...discovery, caCertPath: "/etc/kubernetes/ssl/ca.crt" });
		expect(own).toContain("\ncaCertPath: /etc/kubernetes/ssl/ca.crt\n");
		expect(renderJoinConfiguration(node, discovery)).not.toContain("caCertPath");
	});

	test("text that looks like YAML stays text", () => {
		const rendered = renderJoinConfiguration(
			{ ...node, name: "1", taints: [must(parseTaint("a=yes:NoExecute"))] },
			discovery,
		);
		expect(rendered).toContain('name: "1"\n');
		expect(rendered).toContain('value: "yes"\n');
	});
});
