import type * as pulumi from "@pulumi/pulumi";
import type { PlannedServer, RouteMode } from "../core/plan/site.ts";
import type { Address } from "../core/values/address.ts";
import type { Prefix } from "../core/values/prefix.ts";
import type { SecretText } from "../core/values/secretText.ts";
import type { Taint } from "../core/values/taint.ts";
import type { KeptAddress } from "./kept.ts";
import type { ROUTE_SOURCES, StackFile } from "./schema.ts";
import type { SshBlock } from "./sshSchema.ts";

/** Where a secret is: in a file, or in the settings. */
export type SecretSource = { readonly file: string } | { readonly contents: string };

/** How to log in: with a private key, or without one with the agent at SSH_AUTH_SOCK. */
export interface Authentication {
	readonly privateKey?: SecretSource | undefined;
}

/** How to reach a machine. `Auth` is the form of the key: {@link Authentication} or {@link Credentials}. */
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

/** How to reach a machine, and its pinned host key. */
export interface Reached<Auth = Authentication> {
	/** Type and key, without comment: `ssh-ed25519 AAAA…`. */
	readonly hostKey: string;
	readonly ssh: Ssh<Auth>;
}

/** A machine in a driver's settings. `ssh` has what differs from `pod-gateway:ssh`. */
export interface ReachedThrough {
	readonly address: Address;
	readonly hostKey: string;
	readonly ssh?: SshBlock | undefined;
}

/** A machine that becomes a gateway. Its driver knows what it is and where. */
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

/** A machine outside the cluster that gets routes to the pods. */
export interface Server<Auth = Authentication> extends PlannedServer, Reached<Auth> {}

/** An etcd, reached with TLS. `Text` is the form of certificates and keys, which may be in files. */
export interface Etcd<Text = SecretSource> {
	/** Example: `https://10.200.0.10:2379`. */
	readonly endpoints: readonly string[];
	readonly ca: Text;
	readonly client?: { readonly cert: Text; readonly key: Text } | undefined;
}

/** The cluster. Absent values are read from the cluster itself. `Text` is the form of secrets, which may be in files. */
export interface Cluster<Text = SecretSource> {
	readonly kubeconfig: Text;
	readonly context?: string | undefined;
	/** Calico's etcd. Absent: Calico keeps its data in the Kubernetes API. */
	readonly calicoEtcd?: Etcd<Text> | undefined;
	/** Example: `https://10.200.0.10:6443`. */
	readonly apiServer?: string | undefined;
	readonly podRanges?: readonly Prefix[] | undefined;
	readonly serviceRanges?: readonly Prefix[] | undefined;
	readonly dnsAddresses?: readonly Address[] | undefined;
	readonly domain?: string | undefined;
}

/** A stack's checked settings. Every default is filled in, and every machine has the values that it inherits. */
export interface Settings<Auth = Authentication, Text = SecretSource> {
	readonly cluster: Cluster<Text>;
	/** The values that every machine inherits, for machines that only a driver knows. */
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
	/** The host addresses in the settings, which no route may cover. */
	readonly kept: readonly KeptAddress[];
}

/** How the program logs in: with a key, or without one with the agent. */
export interface Credentials {
	readonly privateKey?: Secret | undefined;
}

/**
 * A secret in a resource's input: the path of its file, which is not secret, or the text itself, which is secret to Pulumi.
 * Inputs are in the state and, in clear, in Pulumi's debug log. A file keeps the secret out of both.
 */
export type Secret = pulumi.Output<SecretText>;

/** The settings as the program uses them. Every file that they name was readable. */
export interface Config extends Settings<Credentials, Secret> {
	/**
	 * A machine in a driver's settings, with the values that it inherits from `pod-gateway:ssh`.
	 *
	 * @throws pulumi.RunError if a file of its settings cannot be read.
	 */
	reach(machine: ReachedThrough): ReachableMachine;
}

/** A machine in the settings, and how to reach it. */
export interface ReachableMachine {
	readonly address: Address;
	readonly hostKey: string;
	readonly ssh: Ssh<Credentials>;
}

/** A machine that may not exist yet. Its address and host key are known once it does. */
export interface AwaitedMachine {
	readonly address: pulumi.Input<Address>;
	readonly hostKey: pulumi.Input<string>;
	readonly ssh: Ssh<Credentials>;
}
