import { describe, expect, test } from "vitest";
import {
	exampleResources as resources,
	exampleSecret as secret,
	exampleTarget as target,
	exampleUrn as urn,
} from "../../tests/fixtures/state.ts";
import { deployedOutputs, deployedServers, deployedSite } from "./deployed.ts";

test("servers are read from the state in order, whatever else is in it", () => {
	const stack = {
		urn: "urn:pulumi:prod::pod-gateway::pulumi:pulumi:Stack::pod-gateway-prod",
		type: "pulumi:pulumi:Stack",
	};
	const deployment = { resources: [stack, ...resources("db-2"), ...resources("db-1")] };
	expect(deployedServers({ version: 3, deployment })).toEqual(
		["db-1", "db-2"].map((name) => ({
			name,
			target,
			desired: `pod-gateway 1\nserver ${name}\n`,
			outcome: { dnsMethod: "resolved" },
			urn: urn(name, "local:Command:", "network"),
		})),
	);
});

test("a server of a former version is read, and new commands win over its former ones", () => {
	const network = (desired: string) => ({
		urn: urn("db-1", "remote:Command:", "network"),
		type: "command:remote:Command",
		inputs: { stdin: desired },
	});
	const [restore, own] = resources("db-1", "now\n");
	const read = (...of: unknown[]) => deployedServers({ deployment: { resources: of } });
	expect(read(restore, network("before\n"))).toMatchObject([
		{ desired: "before\n", urn: urn("db-1", "local:Command:", "network") },
	]);
	expect(read(restore, own, network("before\n"))).toMatchObject([{ desired: "now\n" }]);
});

test("a stack that was never deployed has no servers", () => {
	expect(deployedServers({ deployment: {} })).toEqual([]);
});

test.each([
	["another object", {}, /not a stack state/],
	["an unfinished server", { deployment: { resources: resources("db-1").slice(1) } }, /the state of server db-1/],
])("%s is an error", (_, exported, message) => {
	expect(() => deployedServers(exported)).toThrow(message);
});

describe("the site", () => {
	const cluster = { kubeconfig: "KUBECONFIG", endpoint: "10.0.0.10:6443", caCertHashes: ["sha256:0"] };
	const joined = (request: object, surveyed: object = {}) => ({
		deployment: {
			resources: [
				{
					urn: "urn:pulumi:prod::pod-gateway::pulumi:pulumi:Stack::pod-gateway-prod",
					type: "pulumi:pulumi:Stack",
					outputs: {
						ranges: { pods: ["192.244.0.0/16"], services: [], nameservers: ["192.96.0.10"], domain: "cluster.local" },
					},
				},
				{
					urn: "urn:pulumi:prod::pod-gateway::pod-gateway:index:RouteSurvey::gw-1",
					type: "pod-gateway:index:RouteSurvey",
					outputs: surveyed,
				},
				{
					urn: "urn:pulumi:prod::pod-gateway::pod-gateway:index:GatewayNode$command:local:Command::gw-1-node",
					type: "command:local:Command",
					inputs: {
						stdin: secret(
							JSON.stringify({
								cluster: request,
								node: { name: "gw" },
								software: { version: "1.34" },
								machine: target,
							}),
						),
					},
				},
			],
		},
	});

	test("has its gateways, and how to read the cluster's records", () => {
		const [gateway] = deployedSite(joined({ ...cluster, context: "admin" })).gateways;
		expect(gateway).toEqual({
			name: "gw-1",
			node: "gw",
			target,
			access: { kubeconfig: "KUBECONFIG", context: "admin" },
		});
	});

	test("has Calico's etcd, if there is one", () => {
		const calicoEtcd = { endpoints: ["https://10.0.0.10:2379"], ca: "CA", client: { cert: "CERT", key: "KEY" } };
		const [gateway] = deployedSite(joined(cluster, { calicoEtcd: secret(JSON.stringify(calicoEtcd)) })).gateways;
		expect(gateway?.access).toEqual({ kubeconfig: "KUBECONFIG", calicoEtcd });
	});

	test("cannot be read before a gateway has joined", () => {
		expect(() => deployedSite({ deployment: {} })).toThrow("no gateway has joined yet; run pulumi up first");
	});
});

test("the outputs that a report needs", () => {
	const outputs = {
		gateways: { "gw-1": { node: "gw-1", addresses: ["10.200.0.20"] } },
		ranges: { pods: ["192.244.0.0/16"], services: ["192.96.0.0/16"] },
		podRoutes: [["192.244.32.0/26 of ku13-2"]],
	};
	const stack = { urn: "urn:pulumi:prod::pod-gateway::pulumi:pulumi:Stack::x", type: "pulumi:pulumi:Stack", outputs };
	expect(deployedOutputs({ deployment: { resources: [stack] } })).toEqual({
		...outputs,
		ranges: { services: ["192.96.0.0/16"] },
	});
	expect(() => deployedOutputs({ deployment: {} })).toThrow("nothing was deployed yet; run pulumi up first");
});
