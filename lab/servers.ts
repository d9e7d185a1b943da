import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { HostSpec } from "./hostSpec.ts";
import { macOf } from "./machines.ts";
import { enableUnit, fill, networkValues, put, useNetworkd, usePlainResolvConf, useResolved } from "./network.ts";
import { letOperatorInAs } from "./operatorUser.ts";
import { packagesFolder } from "./packages.ts";
import { type PhysicalServerMachine, site } from "./site.ts";
import { vmFolder } from "./vm/image.ts";

/** The servers outside the cluster, each with other programs for its network and names, and the site's resolver. */
export const outsideHosts: readonly HostSpec[] = [resolver(), ...site.servers.map(withItsUser)];

function withItsUser(machine: PhysicalServerMachine): HostSpec {
	const spec = server(machine);
	const { user, sudo } = machine;
	if (user === undefined) return spec;
	return {
		...spec,
		async prepare(root) {
			await spec.prepare?.(root);
			await letOperatorInAs(user, root, sudo);
		},
	};
}

function server(machine: PhysicalServerMachine): HostSpec {
	switch (machine.kind) {
		case "resolved":
			return {
				name: machine.name,
				layers: ["resolved"],
				async prepare(root) {
					await useNetworkd(root, machine);
					await useResolved(root);
				},
			};
		case "networkmanager":
			return {
				name: machine.name,
				layers: ["networkmanager"],
				async prepare(root) {
					const connection = await fill("eth0.nmconnection", networkValues(machine));
					await put(root, "etc/NetworkManager/system-connections/eth0.nmconnection", connection, 0o600);
					// NetworkManager writes the file if there is none, or if it wrote the present one.
					await rm(join(root, "etc/resolv.conf"), { force: true });
				},
			};
		case "ifupdown":
			return {
				name: machine.name,
				layers: ["ifupdown"],
				async prepare(root) {
					await put(root, "etc/network/interfaces", await fill("interfaces", networkValues(machine)));
					await usePlainResolvConf(root, machine);
				},
			};
		case "netplan":
			return {
				name: machine.name,
				layers: ["netplan"],
				async prepare(root) {
					await put(root, "etc/netplan/eth0.yaml", await fill("netplan.yaml", networkValues(machine)), 0o600);
					await useResolved(root);
					const unit = "own-devices.service";
					await put(root, `usr/lib/systemd/system/${unit}`, await fill(unit, {}));
					await enableUnit(root, "sysinit.target", unit);
				},
			};
		case "dnsmasq":
			return {
				name: machine.name,
				layers: ["dnsmasq"],
				async prepare(root) {
					await useNetworkd(root, machine);
					await put(root, "etc/dnsmasq.d/local.conf", await fill("local-dnsmasq.conf", networkValues(machine)));
					await put(root, "etc/resolv.conf", "nameserver 127.0.0.1\n");
				},
			};
		case "dhcp":
			return {
				name: machine.name,
				layers: ["dhcp"],
				cgroups: "v2",
				async prepare(root) {
					await put(root, "etc/network/interfaces", await fill("dhcp-interfaces", {}));
					// dhcpcd writes the file from what the site's DHCP server says.
					await rm(join(root, "etc/resolv.conf"), { force: true });
				},
			};
	}
}

function resolver(): HostSpec {
	const machine = site.resolver;
	return {
		name: machine.name,
		layers: ["resolver"],
		binds: { "/srv/www/kubernetes": packagesFolder(), "/srv/www/images": vmFolder() },
		async prepare(root) {
			await useNetworkd(root, machine);
			const { name, address: nameAddress } = site.outsideName;
			const { name: packages, address: packagesAddress } = site.packages;
			const zone = {
				domain: site.outsideDomain,
				name,
				nameAddress,
				packages,
				packagesAddress,
				address: machine.address,
			};
			await put(root, "etc/dnsmasq.d/site.conf", await fill("dnsmasq.conf", zone));
			const dhcp = await fill("dhcp.conf", { ...networkValues(machine), hosts: dhcpHosts() });
			await put(root, "etc/dnsmasq.d/dhcp.conf", dhcp);
			await rm(join(root, "etc/nginx/sites-enabled/default"), { force: true });
			await put(root, "etc/nginx/conf.d/packages.conf", await fill("packages.conf", { packages }));
		},
	};
}

/** The lines of dnsmasq's settings for the servers that get their address by DHCP. */
function dhcpHosts(): string {
	const servers = site.servers.filter(({ kind }) => kind === "dhcp");
	return servers.map((machine) => `dhcp-host=${macOf(machine)},${machine.address}`).join("\n");
}

/** Shell text that stops a server's repairs by itself. It ends after a run that is at work meanwhile. */
export const STOP_REPAIRS = "systemctl stop pod-gateway.timer pod-gateway.path; systemctl start pod-gateway.service";
