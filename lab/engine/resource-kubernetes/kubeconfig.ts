import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse } from "yaml";

/** How to reach one API server, by a context of the kubeconfig. */
export interface Cluster {
	/** With scheme, without a slash at the end. */
	readonly server: string;
	readonly ca?: string;
	readonly certificate?: string;
	readonly key?: string;
	readonly token?: string;
	/** The name to check the server's certificate against. Default: the server's own. */
	readonly serverName?: string;
	readonly insecure: boolean;
}

interface Named<Kind extends string> {
	readonly name: string;
	readonly [kind: string]: unknown;
	readonly kind?: Kind;
}

type Fields = Readonly<Record<string, string | boolean | undefined>>;

/**
 * Reads a kubeconfig: from its content, from a path, or, if neither is given, from where kubectl would read it. Uses a plain YAML
 * parser, because loading the whole Kubernetes client takes longer than a preview.
 * @throws Error when the context does not lead to a server, or when it signs in by a program (`exec`), which is not supported.
 */
export function readKubeconfig(given: string | undefined, contextName?: string): Cluster {
	const named = given?.replace(/^~(?=\/)/, homedir());
	const path = named === undefined || named === "" ? defaultPath() : existsSync(named) ? named : undefined;
	const folder = path === undefined ? process.cwd() : dirname(path);
	const config = parse(path === undefined ? String(given) : readFileSync(path, "utf8"));
	if (typeof config !== "object" || config === null) {
		throw new Error("neither a file nor a kubeconfig's content");
	}
	const current = contextName || config["current-context"];
	const context = find(config.contexts, current, "context");
	const cluster = find(config.clusters, context?.["cluster"], "cluster");
	const user = find(config.users, context?.["user"], "user") ?? {};
	const server = cluster?.["server"];
	if (typeof server !== "string") throw new Error(`context ${JSON.stringify(current)} names no server`);
	if (user["exec"] !== undefined || user["auth-provider"] !== undefined) {
		throw new Error("signing in by a program (`exec`, `auth-provider`) is not supported by the lab's stand-in");
	}
	const ca = content(cluster, "certificate-authority", folder);
	const certificate = content(user, "client-certificate", folder);
	const key = content(user, "client-key", folder);
	const token = user["token"] ?? content(user, "token-file", folder)?.trim();
	const serverName = cluster?.["tls-server-name"];
	return {
		server: server.replace(/\/$/, ""),
		insecure: cluster?.["insecure-skip-tls-verify"] === true,
		...(ca === undefined ? {} : { ca }),
		...(certificate === undefined ? {} : { certificate }),
		...(key === undefined ? {} : { key }),
		...(typeof token === "string" ? { token } : {}),
		...(typeof serverName === "string" ? { serverName } : {}),
	};
}

function defaultPath(): string {
	return process.env["KUBECONFIG"] || join(homedir(), ".kube", "config");
}

function find(list: readonly Named<string>[] | undefined, name: unknown, kind: string): Fields | undefined {
	return list?.find((item) => item.name === name)?.[kind] as Fields | undefined;
}

/** The content of a field: inline (`NAME-data`), or in the file that it names. */
function content(fields: Fields | undefined, name: string, folder: string): string | undefined {
	const inline = fields?.[`${name}-data`];
	if (typeof inline === "string") return Buffer.from(inline, "base64").toString();
	const file = fields?.[name] ?? (name === "token-file" ? fields?.["tokenFile"] : undefined);
	return typeof file === "string" ? readFileSync(resolve(folder, file), "utf8") : undefined;
}
