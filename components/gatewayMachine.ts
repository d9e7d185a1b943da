import * as pulumi from "@pulumi/pulumi";
import { checkSkew, parseKubernetesVersion } from "../src/core/kubeadm/versionSkew.ts";
import { type Address, parseAddress } from "../src/core/values/address.ts";
import { parseHostKey } from "../src/core/values/hostKey.ts";
import type { Machine } from "../src/core/values/machine.ts";
import type { ProvidedMachine } from "../src/drivers/driver.ts";
import { driverNamed } from "../src/drivers/registry.ts";
import { valueOrRefusal } from "../src/messages/refusal.ts";
import type { SshTarget } from "../src/remote/sshTarget.ts";
import type { Config } from "../src/settings/model.ts";
import { sshTarget } from "../src/settings/reach.ts";
import { COMPONENTS } from "../src/stack/resources.ts";
import type { ClusterFacts } from "./clusterFacts.ts";

export interface GatewayMachineArgs {
	/** The gateway. Its driver makes the machine. */
	gateway: Config["gateways"][number];
	/** How the driver reaches other machines, such as a hypervisor. */
	reach: Config["reach"];
	/** The cluster's facts, which the machine's software must fit. */
	facts: ClusterFacts;
}

/**
 * The machine that becomes a gateway. The driver that the settings name makes or finds it. Its address and host key may be
 * outputs of any provider.
 */
export class GatewayMachine extends pulumi.ComponentResource {
	/** Its name in the settings, and its addresses, which are the servers' next hops. */
	readonly nextHop: pulumi.Output<Machine>;
	/** How to reach it. Secret if it holds a private key. */
	readonly target: pulumi.Output<SshTarget>;
	/** Identifies the machine. A new value is another machine. */
	readonly identity: pulumi.Output<string>;
	/** The name of its node. */
	readonly nodeName: pulumi.Output<string>;
	/** The minor version of the kubelet to install, such as `1.34`. */
	readonly kubeletVersion: pulumi.Output<string>;
	/** Whether the next machine is made before this one is removed. */
	readonly sideBySide: boolean;
	/** Whether it is destroyed once it stops being a gateway. */
	readonly disposable: boolean;

	constructor(name: string, { gateway, reach, facts }: GatewayMachineArgs, opts?: pulumi.ComponentResourceOptions) {
		super(COMPONENTS.gatewayMachine, name, {}, opts);
		this.kubeletVersion = facts.kubernetesVersion.apply((apiServer) => kubeletVersion(gateway, apiServer));
		const made: ProvidedMachine = driverNamed(gateway.driver).provision({
			gateway,
			// The settings' schema has parsed these keys with the driver's own shape.
			settings: gateway.machine,
			reach,
			settled: this.kubeletVersion,
			parent: this,
		});
		const address = pulumi.output(made.address).apply((text) => addressOf(gateway, text));
		const address6 = pulumi.output(made.address6).apply((text) => text && addressOf(gateway, text));
		const hostKey = pulumi
			.output(made.hostKey)
			.apply((text) => valueOrRefusal(parseHostKey(text), `gateway ${gateway.name}: unusable host key`));
		this.nextHop = pulumi
			.all([address, address6])
			.apply(([first, second]) => ({ name: gateway.name, address: first, ...(second ? { address6: second } : {}) }));
		this.target = sshTarget({ address, hostKey, ssh: gateway.ssh });
		this.identity = made.identity === undefined ? address.apply(({ text }) => text) : pulumi.output(made.identity);
		this.nodeName = pulumi.output(made.nodeName ?? gateway.nodeName);
		this.sideBySide = made.sideBySide ?? false;
		this.disposable = made.disposable ?? false;
		this.registerOutputs({ address: address.apply(({ text }) => text), hostKey, nodeName: this.nodeName });
	}
}

function addressOf({ name }: { name: string }, text: string): Address {
	return valueOrRefusal(parseAddress(text), `gateway ${name}: unusable address`);
}

/** The minor version of the settings, or by default the cluster's. @throws pulumi.RunError if it does not fit the cluster. */
function kubeletVersion({ name, kubernetes }: Config["gateways"][number], apiServer: string): string {
	const wanted = kubernetes.version ?? apiServer;
	const heading = `the Kubernetes version for gateway ${name} is refused; nothing was touched`;
	if (kubernetes.source === "packages") valueOrRefusal(checkSkew(wanted, apiServer), heading);
	const { major, minor } = valueOrRefusal(parseKubernetesVersion(wanted), heading);
	return `${major}.${minor}`;
}
