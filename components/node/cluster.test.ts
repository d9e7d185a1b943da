import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Cluster, problemOf } from "./cluster.ts";
import { ClusterUnreachable } from "./clusterConnection.ts";

const kubeconfig = (server: string) => `apiVersion: v1
kind: Config
clusters: [{ name: here, cluster: { server: "${server}", insecure-skip-tls-verify: true } }]
users: [{ name: me, user: {} }]
contexts: [{ name: here, context: { cluster: here, user: me } }]
current-context: here
`;

/** An API server that knows one node and refuses to delete it. */
const answers: Record<string, { code: number; body: object }> = {
	"GET /version": { code: 200, body: { gitVersion: "v1.34.4", major: "1", minor: "34" } },
	"GET /api/v1/nodes/gw-1": { code: 200, body: { metadata: { name: "gw-1" } } },
	"PATCH /api/v1/nodes/gw-1": { code: 200, body: { metadata: { name: "gw-1" } } },
	"DELETE /api/v1/nodes/gw-1": { code: 403, body: { kind: "Status", message: "nodes is forbidden" } },
};
const asked: { request: string; type: string | undefined; body: string }[] = [];
const server = createServer(async (request, response) => {
	const name = `${request.method} ${request.url}`;
	asked.push({ request: name, type: request.headers["content-type"], body: await bodyOf(request) });
	const { code, body } = answers[name] ?? { code: 404, body: { kind: "Status", message: "not found" } };
	response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
});
let cluster: Cluster;

beforeAll(async () => {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	cluster = new Cluster(kubeconfig(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
});
afterAll(() => server.close());

async function bodyOf(request: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	for await (const chunk of request) chunks.push(chunk as Buffer);
	return Buffer.concat(chunks).toString();
}

describe("the cluster's API", () => {
	test("is asked for its version, for nodes and for ConfigMaps", async () => {
		expect(await cluster.version()).toBe("v1.34.4");
		expect((await cluster.node("gw-1"))?.metadata?.name).toBe("gw-1");
		expect(await cluster.node("gw-2")).toBeUndefined();
		expect(await cluster.configMapEntry("kube-system", "kubelet-config", "kubelet")).toBe("");
	});

	test("an annotation is merged", async () => {
		await cluster.annotate("gw-1", "pod-gateway/join", "some");
		expect(asked.at(-1)).toEqual({
			request: "PATCH /api/v1/nodes/gw-1",
			type: "application/merge-patch+json",
			body: '{"metadata":{"annotations":{"pod-gateway/join":"some"}}}',
		});
	});

	test("what it refuses is said in its words", async () => {
		const error = await cluster.deleteNode("gw-1").catch((reason: unknown) => reason);
		expect(problemOf(error)).toBe('the API server answered 403: "nodes is forbidden"');
	});

	test("what cannot be reached is told apart", async () => {
		const error = await new Cluster(kubeconfig("http://127.0.0.1:9")).node("gw-1").catch((reason: unknown) => reason);
		expect(error).toBeInstanceOf(ClusterUnreachable);
		expect(problemOf(error)).toMatch(/^the API server http:\/\/127\.0\.0\.1:9 cannot be reached: .*ECONNREFUSED/);
	});
});
