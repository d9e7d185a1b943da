import {
	type Configuration,
	createConfiguration,
	KubeConfig,
	ServerConfiguration,
	wrapHttpLibrary,
} from "@kubernetes/client-node";
import { quoteReason } from "../network/quote.ts";

/** Seconds one call may take: where the API server's host is powered off nothing ever answers. */
const CALL_SECONDS = 10;

/** The API server could not be reached: nobody knows what it would have said. */
export class ClusterUnreachable extends Error {
	override name = "ClusterUnreachable";
	/** Whether nothing answered at all: only such a cluster may be taken for gone. */
	readonly silent: boolean;

	constructor(message: string, { silent = true }: { silent?: boolean } = {}) {
		super(message);
		this.silent = silent;
	}
}

/** What Node.js and the kernel call it when a host does not answer. */
const SILENCE = ["ETIMEDOUT", "EHOSTUNREACH", "EHOSTDOWN"];

/**
 * How to call a cluster's API, for the clients of @kubernetes/client-node: every call ends within about 10 s, with
 * ClusterUnreachable where there was no answer.
 *
 * @param kubeconfig contents of a kubeconfig file. @param context its context; default: its current one.
 * @throws Error when the kubeconfig is none, or has no such context.
 */
export function clusterConnection(kubeconfig: string, context?: string): Configuration {
	const config = new KubeConfig();
	try {
		config.loadFromString(kubeconfig);
	} catch {
		// The parser's own words quote the text.
		throw new Error("the kubeconfig cannot be read");
	}
	if (context !== undefined) config.setCurrentContext(context);
	const server = config.getCurrentCluster()?.server;
	if (server === undefined) {
		throw new Error(`the kubeconfig has no cluster for its context ${JSON.stringify(config.getCurrentContext())}`);
	}
	return createConfiguration({
		baseServer: new ServerConfiguration(server, {}),
		authMethods: { default: config },
		httpApi: bounded(server),
	});
}

/** The usual way to send requests, with a limit to the time of each one. */
function bounded(server: string) {
	const { httpApi } = createConfiguration();
	return wrapHttpLibrary({
		async send(request) {
			const limit = AbortSignal.timeout(CALL_SECONDS * 1000);
			request.setSignal(limit);
			try {
				return await httpApi.send(request).toPromise();
			} catch (error) {
				const { message, code = "" } = error as Error & { code?: string };
				const reason = limit.aborted ? `no answer within ${CALL_SECONDS} s` : quoteReason(message);
				const silent = limit.aborted || SILENCE.includes(code);
				throw new ClusterUnreachable(`the API server ${server} cannot be reached: ${reason}`, { silent });
			}
		},
	});
}
