import type * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import type { Config, ReachableMachine, ReachedThrough } from "../settings/model.ts";

/**
 * What makes a gateway's machine. A driver is a folder of `src/drivers` with a file `driver.ts`, which exports it as
 * `driver`; the folder's name is what `driver:` says in a stack file. Adding one touches no other file.
 */
export interface Driver<Shape extends z.ZodRawShape = z.ZodRawShape> {
	/** The keys a gateway with this driver has in a stack file, beside those of every gateway. */
	readonly settings: Shape;
	/** Makes the machine, or finds it. Its resources are children of `parent`. */
	provision(args: ProvisionArgs<z.output<z.ZodObject<Shape>>>): ProvidedMachine;
}

export interface ProvisionArgs<Settings> {
	/** The gateway; names of resources begin with its name. */
	readonly gateway: Config["gateways"][number];
	/** The driver's own keys. */
	readonly settings: Settings;
	/** How to reach another machine of the settings, such as a hypervisor, with what it inherits from `pod-gateway:ssh`. */
	readonly reach: (machine: ReachedThrough) => ReachableMachine;
	/** Known once the settings were found to fit the cluster: a machine that is made waits for it. */
	readonly settled: pulumi.Output<unknown>;
	readonly parent: pulumi.Resource;
}

/** A machine that is to become a gateway: the outputs of any provider will do. */
export interface ProvidedMachine {
	/** IPv4 or IPv6 address: where it is reached, and the servers' next hop. */
	readonly address: pulumi.Input<string>;
	/** IPv6 address, where `address` is IPv4. */
	readonly address6?: pulumi.Input<string | undefined> | undefined;
	/** Its public SSH host key, known before the first connection: `ssh-ed25519 AAAA…`. */
	readonly hostKey: pulumi.Input<string>;
	/** Changes when it is another machine, which then joins anew. Default: the address. */
	readonly identity?: pulumi.Input<string> | undefined;
	/** Name of the Node object. Default: as the settings say. */
	readonly nodeName?: pulumi.Input<string> | undefined;
	/**
	 * Whether another machine is made before this one goes, under another name and at another address: the servers are switched
	 * in between. Default: false.
	 */
	readonly sideBySide?: boolean | undefined;
	/** Whether the machine is destroyed when it is no gateway any more, so that there is nothing to reset. Default: false. */
	readonly disposable?: boolean | undefined;
}
