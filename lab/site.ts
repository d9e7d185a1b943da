/**
 * The description of the lab's site: every machine with its name and address. The ranges and blocks are those of the operations note
 * with which the project began. The servers' network belongs to the lab and exists only inside its network namespaces.
 */

/** A machine of the site: its name, which is also that of its network namespace after {@link NAMESPACE_PREFIX}, and its address. */
export interface Machine {
	readonly name: string;
	/** IPv4 address on the site's network, without prefix length. */
	readonly address: string;
}

/** A worker, with the pod blocks that Calico would give it. */
export interface Worker extends Machine {
	readonly blocks: readonly string[];
}

/** The kinds of physical servers that the lab boots, by the program that configures their network and names. */
export type ServerKind = "resolved" | "networkmanager" | "ifupdown" | "netplan" | "dnsmasq" | "dhcp";

/** A machine outside the cluster that has to reach the pods. */
export interface PhysicalServerMachine extends Machine {
	readonly kind: ServerKind;
	/** The user that the operator logs in as. Default: root. */
	readonly user?: string;
	/** The sudo that makes them root. Default: Debian's default. */
	readonly sudo?: "sudo-rs";
}

/**
 * Which of this machine's sites this process works on: a number, or nothing for the one that people work on. All sites have the same
 * names and addresses. They share only the machine and what is built, so that tests can work on several at the same time.
 */
export const siteId = process.env["POD_GATEWAY_SITE"] ?? "";
if (!/^\d*$/.test(siteId)) throw new Error(`POD_GATEWAY_SITE is ${siteId}; it must be a number, or empty`);

/** What a command is about: this process's site, the sites of tests, or every site on the machine, whatever its cache folder. */
export type Scope = "site" | "tests" | "machine";

/** A pattern for the ids of the sites that a command is about. */
export function idsOf(scope: Scope): string {
	return { site: siteId, tests: "\\d+", machine: "\\d*" }[scope];
}

export const NAMESPACE_PREFIX = `pgw${siteId}-`;

/** Pulumi's name for the site's stack; its settings are `stacks/Pulumi.<stack>.yaml`. */
export const stackName = siteId === "" ? "lab" : `lab-${siteId}`;

const workers: readonly Worker[] = [
	{ name: "ku13-1", address: "10.200.0.11", blocks: ["192.244.190.128/26", "192.244.190.192/26"] },
	{ name: "ku13-2", address: "10.200.0.12", blocks: ["192.244.32.0/26", "192.244.32.64/26"] },
	{ name: "ku13-3", address: "10.200.0.13", blocks: ["192.244.6.192/26", "192.244.7.0/26", "192.244.7.64/26"] },
	{ name: "ku13-4", address: "10.200.0.14", blocks: ["192.244.70.0/26"] },
];

/** How many of the note's four workers to boot. Two keep the lab quick. */
const workerCount = Number(process.env["POD_GATEWAY_LAB_WORKERS"] ?? 2);

/** The whole site. */
export const site = {
	/** The namespace with the bridge to which all machines are connected, and nothing else. */
	hub: "hub",
	network: "10.200.0.0/24",
	prefixLength: 24,
	/** The namespace from which Pulumi runs: an operator's workstation on the site's network. */
	operator: { name: "operator", address: "10.200.0.2" } satisfies Machine,
	/** The site's resolver for all names outside the cluster: it serves the zone {@link outsideDomain}. */
	resolver: { name: "ns-1", address: "10.200.0.3" } satisfies Machine,
	outsideDomain: "site.example",
	outsideName: { name: "www.site.example", address: "10.200.0.3" },
	/** The site's package repository and images, which the resolver's machine serves by HTTP. */
	packages: { name: "packages.site.example", address: "10.200.0.3" },
	controlPlane: { name: "cp-1", address: "10.200.0.10" } satisfies Machine,
	workers: workers.slice(0, workerCount),
	/** Runs the gateway's VM. */
	hypervisor: { name: "hv-1", address: "10.200.0.5" } satisfies Machine,
	/** A VM on the hypervisor, or a machine that exists already. */
	gateway: { name: "gw-1", address: "10.200.0.20" } satisfies Machine,
	/** The VM's IPv6 address. The pods have only IPv4 addresses. */
	gatewayAddress6: "fd00:200::20",
	/** The address of the gateway's next VM, beside the present one. */
	spareAddress: "10.200.0.21",
	spareAddress6: "fd00:200::21",
	servers: [
		{ name: "ps-resolved", address: "10.200.0.31", kind: "resolved" },
		{ name: "ps-nm", address: "10.200.0.32", kind: "networkmanager" },
		{ name: "ps-ifupdown", address: "10.200.0.33", kind: "ifupdown" },
		{ name: "ps-netplan", address: "10.200.0.34", kind: "netplan" },
		{ name: "ps-dnsmasq", address: "10.200.0.35", kind: "dnsmasq", user: "netops" },
		{ name: "ps-trixie", address: "10.200.0.36", kind: "dhcp", user: "netops", sudo: "sudo-rs" },
	] as readonly PhysicalServerMachine[],
	podRange: "192.244.0.0/16",
	serviceRange: "192.96.0.0/16",
	dnsAddress: "192.96.0.10",
	clusterDomain: "cluster.local",
} as const;
