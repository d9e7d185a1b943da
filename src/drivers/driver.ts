import type * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import type { Config, ReachableMachine, ReachedThrough } from "../settings/model.ts";

/**
 * Makes or finds a gateway's machine. A driver is a folder of `src/drivers` with a file `driver.ts`, which exports it as
 * `driver`. The folder's name is the value of `driver:` in a stack file. A new driver does not change any other file.
 */
export interface Driver<Shape extends z.ZodRawShape = z.ZodRawShape> {
	/** The keys of a gateway with this driver in a stack file, in addition to those of every gateway. */
	readonly settings: Shape;
	/** Makes the machine, or finds it. Its resources must be children of `parent`. */
	provision(args: ProvisionArgs<z.output<z.ZodObject<Shape>>>): ProvidedMachine;
}

export interface ProvisionArgs<Settings> {
	/** The gateway. Names of resources must begin with its name. */
	readonly gateway: Config["gateways"][number];
	/** The driver's own keys. */
	readonly settings: Settings;
	/** Another machine of the settings, such as a hypervisor, with the values that it inherits from `pod-gateway:ssh`. */
	readonly reach: (machine: ReachedThrough) => ReachableMachine;
	/** Resolves after the settings were checked against the cluster. Resources that make a machine must wait for it. */
	readonly settled: pulumi.Output<unknown>;
	readonly parent: pulumi.Resource;
}

/** A machine that becomes a gateway. Its values may be outputs of any provider. */
export interface ProvidedMachine {
	/** The IPv4 or IPv6 address to connect to, which is also the servers' next hop. */
	readonly address: pulumi.Input<string>;
	/** The IPv6 address, if `address` is IPv4. */
	readonly address6?: pulumi.Input<string | undefined> | undefined;
	/** Its public SSH host key, known before the first connection: `ssh-ed25519 AAAA…`. */
	readonly hostKey: pulumi.Input<string>;
	/** Identifies the machine. A new value is another machine, which then joins anew. Default: the address. */
	readonly identity?: pulumi.Input<string> | undefined;
	/** Name of the Node object. Default: the gateway's `nodeName` in the settings. */
	readonly nodeName?: pulumi.Input<string> | undefined;
	/**
	 * Whether the next machine is made before this one is removed, with another name and address. The servers are switched in
	 * between. Default: false.
	 */
	readonly sideBySide?: boolean | undefined;
	/** Whether the machine is destroyed once it stops being a gateway, so that it need not be reset. Default: false. */
	readonly disposable?: boolean | undefined;
}
