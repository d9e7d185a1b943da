import { rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { HostSpec } from "./hostSpec.ts";
import { enableUnit, fill, networkValues, put, useNetworkd, usePlainResolvConf } from "./network.ts";
import { packagesFolder } from "./packages.ts";
import { type PhysicalServerMachine, site } from "./site.ts";
import { vmFolder } from "./vm/image.ts";

/** The servers outside the cluster, each with its network and names in other hands, and the site's resolver. */
export const outsideHosts: readonly HostSpec[] = [resolver(), ...site.servers.map(server)];

function server(machine: PhysicalServerMachine): HostSpec {
	switch (machine.kind) {
		case "resolved":
			return {
				name: machine.name,
				layers: ["resolved"],
				async prepare(root) {
					await useNetworkd(root, machine);
					await enableUnit(root, "sysinit.target", "systemd-resolved.service");
					await rm(join(root, "etc/resolv.conf"), { force: true });
					await symlink("../run/systemd/resolve/stub-resolv.conf", join(root, "etc/resolv.conf"));
				},
			};
		case "networkmanager":
			return {
				name: machine.name,
				layers: ["networkmanager"],
				async prepare(root) {
					const connection = await fill("eth0.nmconnection", networkValues(machine));
					await put(root, "etc/NetworkManager/system-connections/eth0.nmconnection", connection, 0o600);
					// NetworkManager writes the file itself when it finds none or its own.
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
			await rm(join(root, "etc/nginx/sites-enabled/default"), { force: true });
			await put(root, "etc/nginx/conf.d/packages.conf", await fill("packages.conf", { packages }));
		},
	};
}
