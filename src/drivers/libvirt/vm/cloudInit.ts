import { stringify } from "yaml";
import type { Family } from "../../../core/values/address.ts";
import type { VmAccess, VmDefinition } from "./definition.ts";

/**
 * The VM's cloud-config: its name, its SSH host key and who may log in. It holds the private host key, so it is a secret.
 *
 * Keys as in cloud-init 22.4 (Debian 12) and 26.x: https://docs.cloud-init.io/en/latest/reference/modules.html
 */
export function renderUserData({ name }: VmDefinition, { user, authorizedKeys, hostKey }: VmAccess): string {
	const root = user === "root";
	const config = {
		hostname: name,
		// Only the line of the machine's own name; the rest of the file stays the image's.
		manage_etc_hosts: "localhost",
		// An image's own host keys go, and with ssh_keys given none are generated: the pinned key is the only one.
		ssh_deletekeys: true,
		ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
		ssh_pwauth: false,
		disable_root: !root,
		// Without `default` the image's own user is not made.
		users: [
			root
				? { name: "root", ssh_authorized_keys: authorizedKeys }
				: {
						name: user,
						shell: "/bin/bash",
						lock_passwd: true,
						sudo: "ALL=(ALL) NOPASSWD:ALL",
						ssh_authorized_keys: authorizedKeys,
					},
		],
		// Off, as text: 22.4's schema knows no boolean here. Setting a locale fails on images without the package locales.
		locale: "false",
		package_update: false,
		package_upgrade: false,
	};
	return `#cloud-config\n${yaml(config)}`;
}

/**
 * The VM's network configuration, version 2: the one interface is found by its MAC address and keeps the name the kernel gave it.
 *
 * https://docs.cloud-init.io/en/latest/reference/network-config-format-v2.html
 */
export function renderNetworkConfig({ mac, network }: VmDefinition): string {
	const match = { macaddress: mac };
	if (network.dhcp) {
		return yaml({ version: 2, ethernets: { gateway: { match, dhcp4: true, dhcp6: false } } });
	}
	const router = (family: Family) => network.addresses.find(({ address }) => address.family === family)?.router?.text;
	const [router4, router6] = [router(4), router(6)];
	const nameservers = network.nameservers.map(({ text }) => text);
	const gateway = {
		match,
		dhcp4: false,
		dhcp6: false,
		addresses: network.addresses.map(({ address, prefixLength }) => `${address.text}/${prefixLength}`),
		// A prefix rather than `default`, which 22.4 refuses. It also makes ::/64 of ::/0, and its renderer for ifupdown sets routes
		// before the IPv6 address is there: gateway6, deprecated as it is, is what every version and renderer gets right.
		...(router4 === undefined ? {} : { routes: [{ to: "0.0.0.0/0", via: router4 }] }),
		...(router6 === undefined ? {} : { gateway6: router6 }),
		...(nameservers.length > 0 ? { nameservers: { addresses: nameservers } } : {}),
	};
	return yaml({ version: 2, ethernets: { gateway } });
}

/** What tells cloud-init that this is another machine than the last one: it sets everything up once per instance. */
export function renderMetaData(instanceId: string, { name }: VmDefinition): string {
	return yaml({ "instance-id": instanceId, "local-hostname": name });
}

/** PyYAML reads YAML 1.1, where a bare `no` is no text and a bare MAC address of digits is a number to the base 60. */
function yaml(value: unknown): string {
	return stringify(value, { version: "1.1", aliasDuplicateObjects: false, lineWidth: 0 });
}
