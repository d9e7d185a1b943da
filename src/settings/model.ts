import type * as pulumi from "@pulumi/pulumi";
import type { PlannedServer, RouteMode } from "../core/plan/site.ts";
import type { Address } from "../core/values/address.ts";
import type { Prefix } from "../core/values/prefix.ts";
import type { SecretText } from "../core/values/secretText.ts";
import type { Taint } from "../core/values/taint.ts";
import type { KeptAddress } from "./kept.ts";
import type { ROUTE_SOURCES, StackFile } from "./schema.ts";
import type { SshBlock } from "./sshSchema.ts";

/** Where a secret is: in a file, or in the settings themselves. */
export type SecretSource = { readonly file: string } | { readonly contents: string };

/** How to log in: with a private key, or with whatever the agent at SSH_AUTH_SOCK holds where there is none. */
export interface Authentication {
	readonly privateKey?: SecretSource | undefined;
}

/** How one machine is reached. `Auth` is how the program holds the key: see {@link Authentication} and {@link Credentials}. */
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

/** How the program logs in: with a key, or with the agent's where there is none. */
export interface Credentials {
	readonly privateKey?: Secret | undefined;
}

/**
 * A secret as resources have it: the file that it is in, which is none; or the text itself, secret to Pulumi. What resources have
 * is in the state and, in clear, in Pulumi's debug log: a file keeps a secret out of both.
 */
export type Secret = pulumi.Output<SecretText>;

/** The settings as the program uses them: every file was there to be read. */
export interface Config extends Settings<Credentials, Secret> {
	/** How to reach a machine that only a driver knows of, with what it inherits from `pod-gateway:ssh`. */
	reach(machine: ReachedThrough): ReachableMachine;
}

/** A machine of the settings, as far as reaching it goes. */
export interface ReachableMachine {
	readonly address: Address;
	readonly hostKey: string;
	readonly ssh: Ssh<Credentials>;
}

/** A machine that may have to be made first. */
export interface AwaitedMachine {
	readonly address: pulumi.Input<Address>;
	readonly hostKey: pulumi.Input<string>;
	readonly ssh: Ssh<Credentials>;
}
