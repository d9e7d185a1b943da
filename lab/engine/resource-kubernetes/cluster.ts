import { type ApiServer, apiServer, StatusError } from "./apiServer.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { annotation, type KubernetesObject, nameOf, namespaceOf } from "./object.ts";
import { type Mapping, type RestMapper, restMapper } from "./restMapping.ts";

/** Reads and writes objects of one cluster. Throws the server's {@link StatusError}, or an error that the cluster is unreachable. */
export interface ClusterClient {
	/** Undefined when the object or its kind does not exist. */
	get(object: KubernetesObject): Promise<KubernetesObject | undefined>;
	/** Makes a new object. */
	create(object: KubernetesObject, manager: string, dryRun: boolean): Promise<KubernetesObject>;
	/** Server-side apply: the manager then owns the given fields, and no longer owns its other ones. */
	apply(object: KubernetesObject, manager: string, dryRun: boolean): Promise<KubernetesObject>;
	/** Asks for deletion, dependents first. Does nothing when the object does not exist. */
	delete(object: KubernetesObject): Promise<void>;
	/** Whether objects of the kind have a namespace; undefined when the server does not know the kind. */
	isNamespaced(apiVersion: string, kind: string): Promise<boolean | undefined>;
	/** Why the cluster cannot be reached, or undefined when it can. Asks the cluster only once. */
	unreachable(): Promise<string | undefined>;
}

/** A cluster by its kubeconfig, which is read when it is first needed. */
export function clusterClient(
	kubeconfig: string | undefined,
	context: string | undefined,
	signal: AbortSignal,
): ClusterClient {
	let connected: { server: ApiServer; map: RestMapper } | undefined;
	const connection = () => {
		if (!connected) {
			const server = apiServer(readKubeconfig(kubeconfig, context), signal);
			connected = { server, map: restMapper(server) };
		}
		return connected;
	};
	const mapped = async (object: KubernetesObject): Promise<Mapping> => {
		const [apiVersion, kind] = [String(object["apiVersion"]), String(object["kind"])];
		const found = await connection().map(apiVersion, kind);
		if (!found) throw new StatusError(404, "NoMatch", `no matches for kind "${kind}" in version "${apiVersion}"`);
		return found;
	};
	const pathOf = async (object: KubernetesObject) => (await mapped(object)).path(namespaceOf(object), nameOf(object));
	let probe: Promise<string | undefined> | undefined;

	return {
		get: (object) => undefinedIfGone(async () => connection().server({ method: "GET", path: await pathOf(object) })),
		async create(object, manager, dryRun) {
			return connection().server({
				method: "POST",
				path: (await mapped(object)).path(namespaceOf(object)),
				query: { fieldManager: manager, ...(dryRun ? { dryRun: "All" } : {}) },
				body: object,
			});
		},
		async apply(object, manager, dryRun) {
			const force = annotation(object, "pulumi.com/patchForce") === "true";
			return connection().server({
				method: "PATCH",
				path: await pathOf(object),
				query: { fieldManager: manager, force: String(force), ...(dryRun ? { dryRun: "All" } : {}) },
				contentType: "application/apply-patch+yaml",
				body: object,
			});
		},
		async delete(object) {
			await undefinedIfGone(async () =>
				connection().server({
					method: "DELETE",
					path: await pathOf(object),
					body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Foreground" },
				}),
			);
		},
		async isNamespaced(apiVersion, kind) {
			return (await connection().map(apiVersion, kind))?.namespaced;
		},
		unreachable() {
			probe ??= (async () => {
				try {
					await connection().server({ method: "GET", path: "/version" });
					return undefined;
				} catch (error) {
					// Even a refusal shows that the cluster can be reached.
					if (error instanceof StatusError) return undefined;
					return error instanceof Error ? error.message || String(error) : String(error);
				}
			})();
			return probe;
		},
	};
}

async function undefinedIfGone<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
	try {
		return await ask();
	} catch (error) {
		if (error instanceof StatusError && error.code === 404) return undefined;
		throw error;
	}
}
