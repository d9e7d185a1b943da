import { type Machine, NAMESPACE_PREFIX, site } from "./site.ts";

/** Every machine of the site that boots, in the order that the status shows. */
export const machines: readonly Machine[] = [
	site.resolver,
	site.controlPlane,
	...site.workers,
	site.hypervisor,
	site.gateway,
	...site.servers,
];

/** The machine with that name; throws an error that names those that exist. */
export function machineNamed(name: string): Machine {
	const found = machines.find((machine) => machine.name === name);
	if (!found) throw new Error(`the lab does not have a host ${name}; it has ${machines.map((m) => m.name).join(", ")}`);
	return found;
}

/** The network namespace of a machine, of the hub or of the operator. */
export function namespaceOf(name: string): string {
	return NAMESPACE_PREFIX + name;
}

/** A fixed, locally administered MAC address made from the machine's IPv4 address: 10.200.0.31 → 02:00:0a:c8:00:1f. */
export function macOf(machine: Machine): string {
	const octets = machine.address.split(".").map((octet) => Number(octet).toString(16).padStart(2, "0"));
	return ["02", "00", ...octets].join(":");
}
