import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Cluster } from "./client.ts";
import { ClusterUnreachable } from "./connection.ts";
import { problemOf } from "./problem.ts";

const kubeconfig = (server: string) => `apiVersion: v1
kind: Config
clusters: [{ name: here, cluster: { server: "${server}", insecure-skip-tls-verify: true } }]
users: [{ name: me, user: {} }]
contexts: [{ name: here, context: { cluster: here, user: me } }]
current-context: here
`;

/** An API server with one node, which it refuses to delete. */
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

/** Whether the process runs. A zombie does not count. */
function runs(pid: string): boolean {
	const status = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "utf8") : "";
	return /\) [^ZX]/.test(status);
}

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

	test("a refusal quotes the API server's message", async () => {
		const error = await cluster.deleteNode("gw-1").catch((reason: unknown) => reason);
		expect(problemOf(error)).toBe('the API server answered 403: "nodes is forbidden"');
	});

	describe("a time limit includes", () => {
		// Each limit is a second, so that even a busy machine receives the beginning of the answer.
		beforeEach(() => {
			const real = AbortSignal.timeout.bind(AbortSignal);
			vi.spyOn(AbortSignal, "timeout").mockImplementation(() => real(1000));
		});
		afterEach(() => void vi.restoreAllMocks());

		async function stalled(status: number): Promise<unknown> {
			const half = createServer((_, response) => {
				response.writeHead(status, { "content-type": "application/json" });
				response.write('{"metadata":{"na');
			});
			await new Promise<void>((resolve) => half.listen(0, "127.0.0.1", resolve));
			const { port } = half.address() as AddressInfo;
			const error = await new Cluster(kubeconfig(`http://127.0.0.1:${port}`)).node("gw-1").catch((reason) => reason);
			half.closeAllConnections();
			half.close();
			return error;
		}

		test("an answer that never ends, of any status", async () => {
			for (const error of await Promise.all([200, 404, 500].map(stalled))) {
				expect(error).toBeInstanceOf(ClusterUnreachable);
				expect((error as ClusterUnreachable).silent).toBe(false);
				expect(problemOf(error)).toMatch(/cannot be reached: its answer did not end within 10 s$/);
			}
		});

		test("all requests to a slow bootstrap signer; the token is deleted", async () => {
			let now = 0;
			vi.spyOn(Date, "now").mockImplementation(() => now);
			const seen: string[] = [];
			const slow = createServer((request, response) => {
				seen.push(`${request.method} ${request.url?.replace(/bootstrap-token-.*/, "TOKEN")}`);
				now += 9000;
				response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ data: {} }));
			});
			await new Promise<void>((resolve) => slow.listen(0, "127.0.0.1", resolve));
			const own = new Cluster(kubeconfig(`http://127.0.0.1:${(slow.address() as AddressInfo).port}`));
			const token = { id: "abcdef", secret: "0123456789abcdef", description: "", expires: new Date(0) };
			await expect(own.withBootstrapToken(token, async () => {})).rejects.toThrow(
				/did not sign .* within 30 s; check that the/,
			);
			slow.closeAllConnections();
			slow.close();
			expect(seen).toEqual([
				"POST /api/v1/namespaces/kube-system/secrets",
				...Array.from({ length: 4 }, () => "GET /api/v1/namespaces/kube-public/configmaps/cluster-info"),
				"DELETE /api/v1/namespaces/kube-system/secrets/TOKEN",
			]);
		});

		test("a program of the kubeconfig that does not give credentials; it and its child processes are ended", async () => {
			const file = join(mkdtempSync(join(tmpdir(), "pod-gateway-")), "pids");
			const script = `sleep 300 & echo $$ $! >${file}; wait`;
			const exec = `{ apiVersion: client.authentication.k8s.io/v1, command: sh, args: ["-c", "${script}"] }`;
			const hanging = kubeconfig("http://127.0.0.1:9").replace("user: {}", `user: { exec: ${exec} }`);
			const error = await new Cluster(hanging).node("gw-1").catch((reason: unknown) => reason);
			expect(error).toBeInstanceOf(ClusterUnreachable);
			expect((error as ClusterUnreachable).silent).toBe(false);
			expect(problemOf(error)).toBe('"sh", which the kubeconfig names, did not give credentials within 60 s');
			const pids = readFileSync(file, "utf8").trim().split(" ");
			expect(pids).toHaveLength(2);
			await vi.waitFor(() => expect(pids.filter(runs)).toEqual([]), { timeout: 5000 });
		});
	});

	test("an unreachable API server has an error class of its own", async () => {
		const error = await new Cluster(kubeconfig("http://127.0.0.1:9")).node("gw-1").catch((reason: unknown) => reason);
		expect(error).toBeInstanceOf(ClusterUnreachable);
		expect(problemOf(error)).toMatch(/^the API server http:\/\/127\.0\.0\.1:9 cannot be reached: .*ECONNREFUSED/);
	});
});
