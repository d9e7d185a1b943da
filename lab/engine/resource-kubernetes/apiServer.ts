import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import type { Values } from "../protocol/values.ts";
import type { Cluster } from "./kubeconfig.ts";

/** The server refused a request. */
export class StatusError extends Error {
	readonly code: number;
	/** The API's word for the reason, such as `NotFound`, `AlreadyExists`, `Conflict`. */
	readonly reason: string;

	constructor(code: number, reason: string, message: string) {
		super(message);
		this.code = code;
		this.reason = reason;
	}
}

/** Milliseconds to wait for a byte from the server. client-go gives up on discovery after 32 s, too. */
const patience = 32_000;

export interface Request {
	readonly method: "GET" | "POST" | "PATCH" | "DELETE";
	readonly path: string;
	readonly query?: Readonly<Record<string, string>>;
	readonly body?: Values;
	/** Default: `application/json`. */
	readonly contentType?: string;
}

/** Sends requests to one API server. Throws a {@link StatusError}, or the network's error when the server does not answer. */
export type ApiServer = (request: Request) => Promise<Values>;

/** An API server by its kubeconfig. The signal cancels requests. */
export function apiServer(cluster: Cluster, signal: AbortSignal): ApiServer {
	const secure = cluster.server.startsWith("https:");
	const agent = secure
		? new Agent({
				keepAlive: true,
				rejectUnauthorized: !cluster.insecure,
				...(cluster.ca === undefined ? {} : { ca: cluster.ca }),
				...(cluster.certificate === undefined ? {} : { cert: cluster.certificate }),
				...(cluster.key === undefined ? {} : { key: cluster.key }),
				...(cluster.serverName === undefined ? {} : { servername: cluster.serverName }),
			})
		: new HttpAgent({ keepAlive: true });
	return ({ method, path, query = {}, body, contentType = "application/json" }) =>
		new Promise((resolve, reject) => {
			const content = body === undefined ? undefined : JSON.stringify(body);
			const search = new URLSearchParams(query).toString();
			const call = (secure ? httpsRequest : httpRequest)(`${cluster.server}${path}${search && `?${search}`}`, {
				method,
				agent,
				signal,
				timeout: patience,
				headers: {
					accept: "application/json",
					// Without the length, which Node.js does not add to a DELETE, the server reads the body as another request.
					...(content === undefined
						? {}
						: { "content-type": contentType, "content-length": Buffer.byteLength(content) }),
					...(cluster.token === undefined ? {} : { authorization: `Bearer ${cluster.token}` }),
				},
			});
			call.on("timeout", () => call.destroy(new Error(`${cluster.server} did not answer within ${patience / 1000} s`)));
			call.on("error", reject);
			call.on("response", (response) => {
				const chunks: Buffer[] = [];
				response.on("data", (chunk: Buffer) => chunks.push(chunk));
				response.on("error", reject);
				response.on("end", () => {
					try {
						resolve(answer(response.statusCode ?? 0, Buffer.concat(chunks).toString()));
					} catch (error) {
						reject(error);
					}
				});
			});
			call.end(content);
		});
}

function answer(code: number, text: string): Values {
	if (code < 400) return JSON.parse(text);
	let status: { reason?: string; message?: string } = {};
	try {
		status = JSON.parse(text);
	} catch {
		// Proxies and early failures answer in plain text.
	}
	throw new StatusError(code, status.reason ?? "Unknown", status.message ?? `HTTP status ${code}: ${text.trim()}`);
}
