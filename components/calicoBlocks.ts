import {
	ApiException,
	CoreV1Api,
	CustomObjectsApi,
	KubeConfig,
	Observable,
	type ObservableMiddleware,
} from "@kubernetes/client-node";
import type { BlockRecords } from "./network/blocks.ts";
import { quote } from "./network/quote.ts";

/** Seconds until an API server that does not answer is given up. */
const PATIENCE = 10;

/** Which nodes have which blocks of pod addresses, by Calico's own records. */
export interface CalicoBlocks {
	/** Undefined where that is not known, such as with Calico on etcd or with another network. */
	readonly records?: BlockRecords;
	/** Why it is not known, where a person can do something about it. */
	readonly notes: readonly string[];
}

/**
 * Reads Calico's block affinities and the cluster's nodes, both at once. What cannot be read is a note and no error: the records
 * only say what to wait for.
 *
 * @param kubeconfig contents of a kubeconfig file. @param context its context; default: its current one.
 * @throws Error when the kubeconfig is none.
 */
export async function readCalicoBlocks(kubeconfig: string, context?: string): Promise<CalicoBlocks> {
	const config = load(kubeconfig, context);
	const resource = { group: "crd.projectcalico.org", version: "v1", plural: "blockaffinities" };
	const [affinities, nodes] = await Promise.all([
		attempt("list blockaffinities.crd.projectcalico.org", (within) =>
			config.makeApiClient(CustomObjectsApi).listClusterCustomObject(resource, within),
		),
		attempt("list nodes", (within) => config.makeApiClient(CoreV1Api).listNode({}, within)),
	]);
	const notes = [...affinities.notes, ...nodes.notes];
	if (affinities.items === undefined || nodes.items === undefined) return { notes };
	return { records: { affinities: affinities.items, nodes: nodes.items }, notes };
}

function load(kubeconfig: string, context?: string): KubeConfig {
	const config = new KubeConfig();
	try {
		config.loadFromString(kubeconfig);
	} catch {
		// The parser's own words quote the text.
		throw new Error("the kubeconfig cannot be read");
	}
	if (context !== undefined) config.setCurrentContext(context);
	return config;
}

interface Attempt {
	readonly items?: readonly unknown[];
	readonly notes: readonly string[];
}

/** @param what the permission that it takes: verb and resource. */
async function attempt(
	what: string,
	list: (within: ReturnType<typeof timeLimit>) => Promise<{ items?: unknown }>,
): Promise<Attempt> {
	try {
		const { items } = await list(timeLimit());
		if (Array.isArray(items)) return { items, notes: [] };
		return { notes: [unknown(`the answer to «${what}» is no list`)] };
	} catch (error) {
		if (error instanceof ApiException) {
			// Nobody keeps such records here: Calico on etcd, or another network.
			if (error.code === 404) return { notes: [] };
			const forbidden = error.code === 403;
			const why = forbidden
				? `the kubeconfig's user may not ${what}`
				: `the API server answers ${error.code} to «${what}»`;
			return { notes: [unknown(why)] };
		}
		const { name, message } = error as Error;
		const why = name === "AbortError" ? `no answer within ${PATIENCE} s` : quote(message);
		return { notes: [unknown(`cannot ${what}: ${why}`)] };
	}
}

function unknown(why: string): string {
	return `not known which blocks the gateway is to have routes to: ${why}`;
}

/** The client has no time limit of its own. */
function timeLimit() {
	const middleware: ObservableMiddleware = {
		pre: (request) => {
			request.setSignal(AbortSignal.timeout(PATIENCE * 1000));
			return new Observable(Promise.resolve(request));
		},
		post: (response) => new Observable(Promise.resolve(response)),
	};
	return { middleware: [middleware], middlewareMergeStrategy: "append" as const };
}
