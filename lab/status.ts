import { exec } from "./exec.ts";
import { initOf, isUp } from "./hostProcess.ts";
import { machines } from "./machines.ts";
import { identify, startedAt } from "./process.ts";
import { type Machine, site } from "./site.ts";
import { domains, vmAddress } from "./vm/hypervisor.ts";

/** One host, as `npm run lab -- status` shows it. */
export interface HostStatus {
	readonly name: string;
	readonly address: string;
	/** The host's part in the site, such as `worker` or `server (networkmanager)`. */
	readonly kind: string;
	/**
	 * `down`, or what the host's systemd says: `running`, `degraded` (a unit failed), `starting`, … For a VM what virsh says, such as
	 * `running` or `shut off`, or `not yet provisioned`.
	 */
	readonly state: string;
	/** When it was booted; undefined when it is down, and for a VM. */
	readonly since: Date | undefined;
}

/** Every host of the site with its state; the hypervisor and the gateway's machine only if they are up. */
export async function status(): Promise<HostStatus[]> {
	const kind = `gateway (VM on ${site.hypervisor.name})`;
	const vms = [...(await domains())].map(([name, state]) => {
		return { name, address: vmAddress(name), kind, state, since: undefined };
	});
	if (isUp(site.hypervisor.name) && !isUp(site.gateway.name) && vms.length === 0) {
		vms.push({ ...site.gateway, kind, state: "not yet provisioned", since: undefined });
	}
	const alternatives: readonly string[] = [site.hypervisor.name, site.gateway.name];
	const listed = machines.filter(({ name }) => !alternatives.includes(name) || isUp(name));
	const hosts = await Promise.all(
		listed.map(async (machine) => {
			const init = identify(initOf(machine.name) ?? 0);
			return {
				name: machine.name,
				address: machine.address,
				kind: kindOf(machine),
				state: await stateOf(machine.name),
				since: init && startedAt(init),
			};
		}),
	);
	return [...hosts, ...vms];
}

/** The site's status as a table for people. */
export function statusTable(hosts: readonly HostStatus[]): string {
	const head = ["HOST", "ADDRESS", "KIND", "STATE", "SINCE"];
	const rows = hosts.map(({ name, address, kind, state, since }) => {
		return [name, address, kind, state, since?.toLocaleString("sv-SE") ?? "–"];
	});
	const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
	const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("   ");
	return [head, ...rows].map((row) => line(row).trimEnd()).join("\n");
}

function kindOf(machine: Machine): string {
	const server = site.servers.find(({ name }) => name === machine.name);
	if (server) return `server (${server.kind})`;
	if (machine.name === site.resolver.name) return "resolver";
	if (machine.name === site.controlPlane.name) return "control plane";
	if (machine.name === site.hypervisor.name) return "hypervisor";
	return machine.name === site.gateway.name ? "gateway" : "worker";
}

async function stateOf(name: string): Promise<string> {
	if (!isUp(name)) return "down";
	const asked = exec(name, ["systemctl", "is-system-running"], { check: false, timeoutSeconds: 5 });
	return (await asked.catch(() => undefined))?.stdout || "starting";
}
