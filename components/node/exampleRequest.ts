import type { NodeRequest } from "./request.ts";

/** A request as the tests vary it. */
export const exampleRequest: NodeRequest = {
	cluster: { kubeconfig: "", endpoint: "10.200.0.10:6443", caCertHashes: ["sha256:0"] },
	node: {
		name: "gw-1",
		addresses: [{ text: "10.200.0.20", family: 4, bits: "0ac80014" }],
		taint: { key: "pod-gateway", value: "true", effect: "NoSchedule" },
		labels: {},
		drainTimeout: 60,
	},
	software: {
		source: "packages",
		version: "1.34",
		repository: "https://packages.example.org/v1.34/deb/",
		repositoryKey: "https://packages.example.org/v1.34/deb/Release.key",
	},
	masquerade: [],
	machine: { host: "10.200.0.20", port: 22, user: "root", hostKey: "ssh-ed25519 AAAA", connectTimeout: 5 },
	disposable: false,
	takeOver: false,
};
