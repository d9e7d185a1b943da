import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../../src/core/values/messageOf.ts";
import { changes } from "../protocol/diff.ts";
import type { Provider, Resource } from "../protocol/provider.ts";
import { hasUnknown, reveal, type Values } from "../protocol/values.ts";
import { StatusError } from "./apiServer.ts";
import { type ClusterClient, clusterClient } from "./cluster.ts";
import { autonamed, difference } from "./difference.ts";
import * as objects from "./object.ts";

/** Milliseconds to wait at most until an object is gone, as in the official plugin, and the pause between two looks. */
const deletion = { limit: 600_000, pause: 250 };

/**
 * Replaces pulumi-kubernetes 4.34.2 where it cannot be downloaded (github.com/pulumi/pulumi-kubernetes, `provider/pkg/provider`):
 * reads, objects that need not become ready (Secret, ConfigMap, Namespace, …) and patches, by server-side apply. It does not wait until
 * workloads are ready.
 */
export function kubernetesProvider(): Provider {
	const cancelled = new AbortController();
	let cluster: ClusterClient = clusterClient(undefined, undefined, cancelled.signal);
	let deleteUnreachable = false;
	let defaultNamespace = "";

	return {
		version: "4.34.2",

		configure(settings) {
			const plain = reveal(settings) as Values;
			const text = (key: string) => (typeof plain[key] === "string" && plain[key] !== "" ? plain[key] : undefined);
			cluster = clusterClient(text("kubeconfig"), text("context"), cancelled.signal);
			deleteUnreachable = String(plain["deleteUnreachable"] ?? process.env["PULUMI_K8S_DELETE_UNREACHABLE"]) === "true";
			defaultNamespace = text("namespace") ?? "";
			if (String(plain["enableServerSideApply"] ?? "true") !== "true") {
				throw new Error("the lab's stand-in supports only server-side apply; leave enableServerSideApply on");
			}
		},

		// Another kubeconfig leads to the same cluster. For another cluster the program makes a new provider.
		diffSettings: (olds, news) => ({ changes: changes(olds, news), replaces: [] }),

		async check(resource, olds, news) {
			const { apiVersion, kind } = kindOf(resource, news);
			let inputs: Values = { ...news, apiVersion, kind };
			const named = objects.nameOf(inputs) !== "" || hasUnknown(objects.metadata(inputs)["name"] ?? null);
			if (!named && isPatch(resource, kind)) {
				throw new Error("patch resources require the `.metadata.name` field to be set");
			}
			if (!named) inputs = withName(inputs, nameFor(resource, reveal(olds) as Values));
			if (
				defaultNamespace !== "" &&
				objects.namespaceOf(inputs) === "" &&
				(await cluster.isNamespaced(apiVersion, kind))
			) {
				inputs = objects.withMetadata(inputs, { namespace: defaultNamespace });
			}
			return { inputs: objects.markSecrets(inputs, news), failures: [] };
		},

		async diff(resource, _oldInputs, state, news) {
			const { apiVersion, kind } = kindOf(resource, news);
			const reachable = (await cluster.unreachable()) === undefined;
			const namespaced = !reachable || ((await cluster.isNamespaced(apiVersion, kind)) ?? true);
			return difference(state, news, isPatch(resource, kind), namespaced);
		},

		async create(resource, inputs, preview) {
			const reason = await cluster.unreachable();
			const patch = isPatch(resource, String(inputs["kind"]));
			if (preview && (hasUnknown(inputs) || patch || reason !== undefined)) return { id: "", state: inputs };
			if (reason !== undefined) throw new Error(`configured Kubernetes cluster is unreachable: ${reason}`);
			const object = objects.plainInputs(inputs);
			const manager = managerOf(object);
			try {
				const live = patch
					? await cluster.apply(object, manager, preview)
					: await make(cluster, object, manager, preview);
				const state = objects.stateOf(live, inputs, String(object["apiVersion"]), manager);
				return preview ? { id: "", state: withoutStatus(state) } : { id: objects.idOf(live), state };
			} catch (error) {
				// In a preview the namespace may not exist yet, or an old object may still have the name.
				if (preview && error instanceof StatusError) return { id: "", state: inputs };
				const why = explain(error, manager);
				throw new Error(`resource "${resource.urn}" was not successfully created by the Kubernetes API server: ${why}`);
			}
		},

		async read(resource, id, inputs, state) {
			const reason = await cluster.unreachable();
			if (reason !== undefined) {
				warnUnreachable(resource, reason);
				if (deleteUnreachable) return undefined;
				throw new Error(
					"failed to read resource state due to unreachable cluster. If the cluster was deleted, you can remove this " +
						"resource from Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment " +
						'variable set to "true"',
				);
			}
			const { namespace, name } = objects.parseId(id);
			const old = objects.parseState(state);
			const { apiVersion, kind } = kindOf(resource, inputs);
			const live = await cluster.get({ apiVersion, kind, metadata: { name, ...(namespace ? { namespace } : {}) } });
			if (live === undefined) return undefined;
			const own = objects.plainInputs(inputs);
			const known = Object.keys(own).length > 0;
			const liveInputs = known ? (objects.pruned(live, own) as Values) : inputsFrom(live);
			return {
				id,
				inputs: objects.markSecrets(liveInputs, inputs),
				state: objects.stateOf(
					live,
					objects.markSecrets(liveInputs, inputs),
					apiVersion,
					old.manager ?? managerOf(own),
				),
			};
		},

		async update(resource, _id, state, news, preview) {
			if (preview && hasUnknown(news)) return news;
			const reason = await cluster.unreachable();
			if (reason !== undefined && preview) return news;
			if (reason !== undefined) throw new Error(`configured Kubernetes cluster is unreachable: ${reason}`);
			const object = objects.plainInputs(news);
			const before = objects.parseState(state).manager;
			const manager = managerOf(object, before);
			try {
				const live = await cluster.apply(object, manager, preview);
				if (!preview && before !== undefined && before !== manager) await relinquish(cluster, live, before);
				return objects.stateOf(live, news, String(object["apiVersion"]), manager);
			} catch (error) {
				throw new Error(`update of resource "${resource.urn}" failed: ${explain(error, manager)}`);
			}
		},

		async delete(resource, id, state) {
			const { live, manager } = objects.parseState(state);
			const reason = await cluster.unreachable();
			if (reason !== undefined) {
				warnUnreachable(resource, reason);
				if (deleteUnreachable) return;
				throw new Error(
					"configured Kubernetes cluster is unreachable. If the cluster was deleted, you can remove this resource from " +
						"Pulumi state by rerunning the operation with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to " +
						'"true"',
				);
			}
			if (isPatch(resource, String(live["kind"]))) return relinquish(cluster, live, manager ?? "");
			const { namespace, name } = objects.parseId(id);
			const { apiVersion, kind } = kindOf(resource, live);
			const object = { apiVersion, kind, metadata: { name, ...(namespace ? { namespace } : {}) } };
			await cluster.delete(object);
			for (const end = Date.now() + deletion.limit; Date.now() < end; ) {
				const found = await cluster.get(object);
				if (found === undefined || objects.metadata(found)["uid"] !== objects.metadata(live)["uid"]) return;
				await sleep(deletion.pause, undefined, { signal: cancelled.signal });
			}
			throw new Error(`timed out waiting for deletion of ${kind} ${id}`);
		},

		async invoke(token) {
			throw new Error(`the lab's stand-in does not have the function ${token}`);
		},

		cancel() {
			cancelled.abort(new Error("cancelled"));
		},
	};

	function warnUnreachable(resource: Resource, reason: string): void {
		resource.log.warning(`configured Kubernetes cluster is unreachable: ${reason}`);
		if (!deleteUnreachable) return;
		resource.log.info(
			"configured Kubernetes cluster is unreachable and the `deleteUnreachable` option is enabled. Deleting the " +
				"unreachable resource from Pulumi state",
		);
	}
}

/** Makes an object that must not exist yet, by an apply, so that its manager owns its fields as a later apply expects. */
async function make(cluster: ClusterClient, object: Values, manager: string, dryRun: boolean): Promise<Values> {
	if ((await cluster.get(object)) !== undefined) {
		const what = `${object["kind"]} "${objects.nameOf(object)}" already exists`;
		throw new StatusError(409, "AlreadyExists", `${what}\n\nThe resource already exists in the cluster.`);
	}
	return cluster.apply(object, manager, dryRun);
}

/** Applies only the identity, so that the manager no longer owns any field. */
async function relinquish(cluster: ClusterClient, object: Values, manager: string): Promise<void> {
	const namespace = objects.namespaceOf(object);
	const identity = { name: objects.nameOf(object), ...(namespace ? { namespace } : {}) };
	const bare = { apiVersion: object["apiVersion"] ?? "", kind: object["kind"] ?? "", metadata: identity };
	// An apply to an object that no longer exists would make a new one without content.
	if ((await cluster.get(bare)) !== undefined) await cluster.apply(bare, manager, false);
}

/** The kind, from the inputs or from the type: `kubernetes:core/v1:NodePatch` is a v1 Node. */
function kindOf(resource: Resource, inputs: Values): { apiVersion: string; kind: string } {
	const [, group = "", name = ""] = resource.type.split(":");
	const apiVersion = inputs["apiVersion"] ?? group.replace(/^core\//, "");
	const kind = inputs["kind"] ?? name.replace(/Patch$/, "");
	return { apiVersion: String(apiVersion), kind: String(kind) };
}

function isPatch(resource: Resource, kind: string): boolean {
	return resource.type.split(":").at(-1) === `${kind}Patch`;
}

function nameFor(resource: Resource, olds: Values): string {
	const old = objects.nameOf(olds);
	if (old !== "" && objects.annotation(olds, autonamed) === "true") return old;
	return `${resource.name}-${randomBytes(4).toString("hex")}`;
}

function withName(inputs: Values, name: string): Values {
	const annotations = (reveal(objects.metadata(inputs)["annotations"] ?? {}) ?? {}) as Values;
	return objects.withMetadata(inputs, { name, annotations: { ...annotations, [autonamed]: "true" } });
}

function managerOf(object: Values, before?: string): string {
	const wanted = objects.annotation(object, "pulumi.com/patchFieldManager");
	return wanted ?? before ?? `pulumi-kubernetes-${randomBytes(4).toString("hex")}`;
}

/** A live object as inputs: without the fields that only the server writes. */
function inputsFrom(live: Values): Values {
	const { status: _status, ...rest } = live;
	const servers = ["creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"];
	return objects.withMetadata(rest, Object.fromEntries(servers.map((key) => [key, undefined])));
}

function withoutStatus(state: Values): Values {
	return Object.fromEntries(Object.entries(state).filter(([key]) => key !== "status"));
}

function explain(error: unknown, manager: string): string {
	const text = messageOf(error);
	if (!(error instanceof StatusError) || error.reason !== "Conflict") return text;
	return (
		"server-side apply field conflict detected, see https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/" +
		"managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources for troubleshooting help\n" +
		`The resource managed by field manager "${manager}" had an apply conflict: ${text}`
	);
}
