import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What a path is answered with: an object with 200, a number as the status of a failure, undefined with nothing at all. */
export type ApiAnswers = Readonly<Record<string, object | number | undefined>>;

export interface ExampleApiServer {
	/** Its context `one` is for this server, and is not the current one. */
	readonly kubeconfig: string;
	stop(): void;
}

/** For tests: a Kubernetes API server that gives these answers. */
export async function exampleApiServer(answers: ApiAnswers): Promise<ExampleApiServer> {
	const server = createServer((request, response) => {
		const answer = answers[request.url ?? ""];
		if (answer === undefined) return;
		response.writeHead(typeof answer === "number" ? answer : 200, { "Content-Type": "application/json" });
		response.end(JSON.stringify(typeof answer === "number" ? { kind: "Status", code: answer } : answer));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as AddressInfo;
	const kubeconfig = JSON.stringify({
		clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true } }],
		users: [{ name: "u", user: { token: "x" } }],
		contexts: [{ name: "one", context: { cluster: "c", user: "u" } }],
		"current-context": "none",
	});
	return {
		kubeconfig,
		stop: () => {
			server.closeAllConnections();
			server.close();
		},
	};
}
