import { DEFAULT_DRIVER } from "./drivers.ts";
import type { Address } from "./network/address.ts";
import type { Prefix } from "./network/prefix.ts";
import { failure, type Result, success } from "./network/result.ts";
import type { PlannedServer, RouteMode } from "./network/site.ts";
import type { Taint } from "./network/taint.ts";
import { conflicts } from "./settings/conflicts.ts";
import { type KeptAddress, keptAddresses } from "./settings/kept.ts";
import { describeIssues, wording } from "./settings/problems.ts";
import { type ROUTE_SOURCES, type StackFile, schema } from "./settings/schema.ts";
import type { SshBlock } from "./settings/sshSchema.ts";

/** Where a secret is: in a file, or in the settings themselves. */
export type SecretSource = { readonly file: string } | { readonly contents: string };

/** How to log in: with a private key, or with whatever the agent at SSH_AUTH_SOCK holds where there is none. */
export interface Authentication {
	readonly privateKey?: SecretSource | undefined;
}

/** How one machine is reached. `Auth` is how the program holds the key: see {@link Authentication}, and config.ts. */
export interface Ssh<Auth = Authentication> {
	readonly user: string;
	readonly port: number;
	readonly auth: Auth;
	/** Seconds. */
	readonly connectTimeout: number;
	readonly bastion?: Bastion<Auth> | undefined;
}

/** A host to connect through. */
export interface Bastion<Auth = Authentication> {
	/** Address or name. */
	readonly address: string;
	readonly port: number;
	readonly user: string;
	/** Type and key, without comment: `ssh-ed25519 AAAA…`. */
	readonly hostKey: string;
	readonly auth: Auth;
}

/** How a machine is reached, and by which key it is known. */
export interface Reached<Auth = Authentication> {
	/** Type and key, without comment: `ssh-ed25519 AAAA…`. */
	readonly hostKey: string;
	readonly ssh: Ssh<Auth>;
}

/** A machine of the settings that is no server: how it is reached, where that differs from `pod-gateway:ssh`. */
export interface ReachedThrough {
	readonly address: Address;
	readonly hostKey: string;
	readonly ssh?: SshBlock | undefined;
}

/** A machine to become a gateway; what it is and where, its driver knows. */
export interface Gateway<Auth = Authentication> {
	readonly name: string;
	readonly driver: string;
	/** The driver's own keys. */
	readonly machine: Readonly<Record<string, unknown>>;
	readonly ssh: Ssh<Auth>;
	readonly nodeName: string;
	readonly kubernetes: StackFile["gateways"][number]["kubernetes"];
	readonly masquerade: boolean;
	readonly takeOver: boolean;
	readonly taint: Taint;
	readonly labels: Readonly<Record<string, string>>;
	/** Seconds. */
	readonly drainTimeout: number;
}

/** A machine that is to reach the pods. */
export interface Server<Auth = Authentication> extends PlannedServer, Reached<Auth> {}

/** An etcd, reached with TLS. `Text` is how the program holds what may be in a file: certificates, and a key. */
export interface Etcd<Text = SecretSource> {
	/** Example: `https://10.200.0.10:2379`. */
	readonly endpoints: readonly string[];
	readonly ca: Text;
	readonly client?: { readonly cert: Text; readonly key: Text } | undefined;
}

/** The cluster. What is absent is read from the cluster itself. `Text` is how the program holds what may be in a file. */
export interface Cluster<Text = SecretSource> {
	readonly kubeconfig: Text;
	readonly context?: string | undefined;
	/** Where Calico keeps its data, if not in the Kubernetes API. */
	readonly calicoEtcd?: Etcd<Text> | undefined;
	/** Example: `https://10.200.0.10:6443`. */
	readonly apiServer?: string | undefined;
	readonly podRanges?: readonly Prefix[] | undefined;
	readonly serviceRanges?: readonly Prefix[] | undefined;
	readonly dnsAddresses?: readonly Address[] | undefined;
	readonly domain?: string | undefined;
}

/** A stack's settings, checked, with every default filled in and everything a machine inherits written at the machine. */
export interface Settings<Auth = Authentication, Text = SecretSource> {
	readonly cluster: Cluster<Text>;
	/** What every machine inherits, for those that only a driver knows. */
	readonly ssh: SshBlock;
	readonly gateways: readonly Gateway<Auth>[];
	/** `convergeTimeout` is in seconds, `maxShrink` a share from 0 to 1. */
	readonly routes: {
		readonly source: (typeof ROUTE_SOURCES)[number];
		readonly mode: RouteMode;
		readonly convergeTimeout: number;
		readonly maxShrink: number;
	};
	readonly dns: { readonly searchDomains: readonly string[]; readonly reverseZones: boolean };
	/** `rollbackAfter` is in seconds. */
	readonly verify: Pick<StackFile["verify"], "names" | "pods" | "outside" | "rollbackAfter">;
	readonly servers: readonly Server<Auth>[];
	/** The hosts that the settings name by their addresses. */
	readonly kept: readonly KeptAddress[];
}

/**
 * Checks a stack's settings: `raw` has the keys after `pod-gateway:`. Gives the settings, or every problem at once, each as
 * `pod-gateway:servers[1].hostKey: what is wrong; what to do`.
 */
export function parseSettings(raw: Readonly<Record<string, unknown>>): Result<Settings> {
	const parsed = schema.safeParse(raw, { error: wording });
	const problems = [...describeIssues(schema, parsed.error?.issues ?? [], raw), ...conflicts(raw)];
	return parsed.success && problems.length === 0
		? success(complete(parsed.data, keptAddresses(raw)))
		: failure(...problems);
}

function complete(file: StackFile, kept: readonly KeptAddress[]): Settings {
	const { kubeconfigFile, kubeconfig, calicoEtcd, ...cluster } = file.cluster;
	return {
		cluster: {
			...cluster,
			kubeconfig: source(kubeconfigFile, kubeconfig),
			...(calicoEtcd && { calicoEtcd: completeEtcd(calicoEtcd) }),
		},
		ssh: file.ssh,
		gateways: file.gateways.map((gateway) => {
			const { name, driver, ssh, nodeName, taint, labels, drainTimeout, kubernetes, masquerade, takeOver, ...machine } =
				gateway;
			return {
				...{ name, taint, labels, drainTimeout, kubernetes, masquerade, takeOver, machine },
				driver: driver ?? DEFAULT_DRIVER,
				nodeName: nodeName ?? name,
				ssh: completeSsh(file.ssh, ssh),
			};
		}),
		routes: file.routes,
		kept,
		dns: { searchDomains: file.dns.searchDomains, reverseZones: file.dns.reverseZones },
		verify: {
			names: file.verify.names,
			pods: file.verify.pods,
			outside: file.verify.outside,
			rollbackAfter: file.verify.rollbackAfter,
		},
		servers: file.servers.map((server) => ({
			...server,
			ssh: completeSsh(file.ssh, server.ssh),
			dns: { method: server.dns?.method ?? file.dns.method },
			verify: { mode: server.verify?.mode ?? file.verify.mode },
		})),
	};
}

function completeEtcd(block: NonNullable<StackFile["cluster"]["calicoEtcd"]>): Etcd {
	const { endpoints, caFile, ca, certFile, cert, keyFile, key } = block;
	const client = { cert: source(certFile, cert), key: source(keyFile, key) };
	return { endpoints, ca: source(caFile, ca), ...((certFile ?? cert) !== undefined && { client }) };
}

/** Of the two ways to give a text, the one that was taken. */
function source(file: string | undefined, contents = ""): SecretSource {
	return file === undefined ? { contents } : { file };
}

/** A machine's own `ssh` block comes before the one for all. */
export function completeSsh(everywhere: SshBlock, here: SshBlock = {}): Ssh {
	const bastion = here.bastion ?? everywhere.bastion;
	return {
		user: here.user ?? everywhere.user ?? "root",
		port: here.port ?? everywhere.port ?? 22,
		auth: authentication(here, everywhere),
		connectTimeout: here.connectTimeout ?? everywhere.connectTimeout ?? 15,
		bastion: bastion && {
			address: bastion.address,
			port: bastion.port,
			user: bastion.user,
			hostKey: bastion.hostKey,
			auth: authentication(bastion, here, everywhere),
		},
	};
}

/** What the first block that says how to authenticate says. */
function authentication(
	...blocks: readonly Pick<SshBlock, "privateKeyFile" | "privateKey" | "agent">[]
): Authentication {
	for (const { privateKeyFile, privateKey, agent } of blocks) {
		if (privateKeyFile !== undefined) return { privateKey: { file: privateKeyFile } };
		if (privateKey !== undefined) return { privateKey: { contents: privateKey } };
		if (agent) return {};
	}
	return {};
}
