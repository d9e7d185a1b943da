import type { ApiServer } from "./apiServer.ts";
import { StatusError } from "./apiServer.ts";

/** The API server's paths for the objects of one kind. */
export interface Mapping {
	readonly namespaced: boolean;
	/** The path of one object; without a name, the path of all of them. */
	path(namespace: string, name?: string): string;
}

/** The mapping of an apiVersion and kind, from the server's discovery; undefined when it does not know the kind. */
export type RestMapper = (apiVersion: string, kind: string) => Promise<Mapping | undefined>;

interface ApiResource {
	readonly name: string;
	readonly kind: string;
	readonly namespaced: boolean;
}

/** A mapper that asks the server once for each apiVersion. */
export function restMapper(server: ApiServer): RestMapper {
	const known = new Map<string, Promise<readonly ApiResource[]>>();
	return async (apiVersion, kind) => {
		const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
		let listing = known.get(base);
		if (listing === undefined) {
			listing = resourcesOf(server, base);
			known.set(base, listing);
			// Forgets a failure: at a later request the server may be up, or the kind defined.
			listing.then(
				(list) => list.length === 0 && known.delete(base),
				() => known.delete(base),
			);
		}
		// Subresources (`pods/status`) have a kind, too.
		const found = (await listing).find((resource) => resource.kind === kind && !resource.name.includes("/"));
		return found && mapping(base, found);
	};
}

async function resourcesOf(server: ApiServer, base: string): Promise<readonly ApiResource[]> {
	try {
		const list = await server({ method: "GET", path: base });
		return (list["resources"] ?? []) as unknown as readonly ApiResource[];
	} catch (error) {
		if (error instanceof StatusError && error.code === 404) return [];
		throw error;
	}
}

function mapping(base: string, resource: ApiResource): Mapping {
	return {
		namespaced: resource.namespaced,
		path(namespace, name) {
			const scope = resource.namespaced ? `/namespaces/${encodeURIComponent(namespace || "default")}` : "";
			const object = name === undefined ? "" : `/${encodeURIComponent(name)}`;
			return `${base}${scope}/${resource.name}${object}`;
		},
	};
}
