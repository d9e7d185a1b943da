import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { exampleRequest } from "../../tests/fixtures/nodeRequest.ts";
import { type ExampleSshd, exampleSshd, scripted } from "../../tests/fixtures/sshd.ts";
import { joinNode } from "./join.ts";
import type { NodeRequest } from "./request.ts";

/** From kubespray, which keeps a cluster's certificates at another path. */
const KUBELET_CONFIG = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  x509:
    clientCAFile: /etc/kubernetes/ssl/ca.crt
cgroupDriver: systemd
resolvConf: /run/systemd/resolve/resolv.conf
`;
const CLUSTER_CONFIGURATION = "kind: ClusterConfiguration\nkubernetesVersion: v1.34.4\n";

let server: Server;
let machine: ExampleSshd;
let request: NodeRequest;
/** The actions so far: each script with its standard input, and each bootstrap token that was made. */
let done: string[];
let joined: boolean;

/** The machine's answer to a script. */
let answers: Record<string, { stdout?: string; stderr?: string; exitCode?: number }>;

beforeEach(async () => {
	vi.stubEnv("SSH_AUTH_SOCK", "");
	done = [];
	joined = false;
	answers = { state: { stdout: "machine-id 0123\nkubelet v1.34.4\nstate free\n" }, prepare: { stdout: "changed\n" } };
	let tokenId = "";
	server = createServer(async (asked, response) => {
		const path = `${asked.method} ${asked.url}`;
		const chunks: Buffer[] = [];
		for await (const chunk of asked) chunks.push(chunk as Buffer);
		const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
		if (path === "POST /api/v1/namespaces/kube-system/secrets") {
			tokenId = body.stringData["token-id"];
			done.push("token");
		}
		const node = { metadata: { name: "gw-1" }, status: { conditions: [{ type: "Ready", status: "True" }] } };
		const objects: Record<string, unknown> = {
			"GET /version": { gitVersion: "v1.34.4" },
			"GET /api/v1/namespaces/kube-system/configmaps/kubeadm-config": {
				data: { ClusterConfiguration: CLUSTER_CONFIGURATION },
			},
			"GET /api/v1/namespaces/kube-system/configmaps/kubelet-config": { data: { kubelet: KUBELET_CONFIG } },
			"GET /api/v1/nodes/gw-1": joined ? node : undefined,
			"GET /api/v1/namespaces/kube-public/configmaps/cluster-info": { data: { [`jws-kubeconfig-${tokenId}`]: "x" } },
			"POST /api/v1/namespaces/kube-system/secrets": {},
			[`DELETE /api/v1/namespaces/kube-system/secrets/bootstrap-token-${tokenId}`]: {},
		};
		const object = objects[path];
		response.writeHead(object ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(object ?? {}));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	const kubeconfig = JSON.stringify({
		clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
		users: [{ name: "u", user: {} }],
		contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
		"current-context": "x",
	});
	machine = await exampleSshd({
		answer: scripted((name, args, input) => {
			const action = name === "prepare-node.sh" ? "prepare" : (args[0] ?? name);
			done.push(input === "" ? action : `${action}\n${input}`);
			if (action === "join") joined = true;
			return answers[action] ?? {};
		}),
	});
	const cluster = { ...exampleRequest.cluster, kubeconfig };
	request = { ...exampleRequest, cluster, machine: machine.target };
});
afterEach(async () => {
	server.closeAllConnections();
	server.close();
	await machine.stop();
	vi.unstubAllEnvs();
});

const actions = () => done.map((line) => line.split("\n")[0]);
const inputOf = (action: string) => done.find((line) => line.startsWith(`${action}\n`)) ?? "";

describe("a cluster with another path of its CA and another resolv.conf for pods", () => {
	test("is joined with that path, after the machine was asked for that resolv.conf", async () => {
		await joinNode(request, () => {});
		expect(actions()).toEqual(["state", "prepare", "token", "join"]);
		expect(inputOf("prepare")).toContain("\nresolv-conf /run/systemd/resolve/resolv.conf\n");
		expect(inputOf("join")).toContain("\ncaCertPath: /etc/kubernetes/ssl/ca.crt\n");
	});

	test("is not joined by a machine without that resolv.conf, and no token is made", async () => {
		answers["prepare"] = {
			exitCode: 1,
			stderr: "the cluster's kubelets give their pods /run/x, which this machine has not\n",
		};
		await expect(joinNode(request, () => {})).rejects.toThrow(
			"preparing the machine failed on 127.0.0.1 (exit code 1):\nthe cluster's kubelets give their pods /run/x, which this machine has not",
		);
		expect(actions()).toEqual(["state", "prepare"]);
	});

	test("has a node that works: a missing resolv.conf does not fail its update", async () => {
		joined = true;
		answers["state"] = { stdout: "machine-id 0123\nkubelet v1.34.4\nstate joined\n" };
		await joinNode(request, () => {});
		expect(actions()).toEqual(["state", "prepare"]);
		expect(inputOf("prepare")).not.toContain("resolv-conf");
	});
});
