import { stringify } from "yaml";
import type { Family } from "../../../core/values/address.ts";
import type { VmAccess, VmDefinition } from "./definition.ts";

/**
 * The VM's cloud-config: its name, its SSH host key, and the users that may log in. It contains the private host key, so it is
 * secret.
 *
 * Keys as in cloud-init 22.4 (Debian 12) and 26.x: https://docs.cloud-init.io/en/latest/reference/modules.html
 */
export function renderUserData({ name }: VmDefinition, { user, authorizedKeys, hostKey }: VmAccess): string {
	const root = user === "root";
	const config = {
		hostname: name,
		// Only sets the line of the machine's own name in /etc/hosts.
		manage_etc_hosts: "localhost",
		// Removes the image's host keys. Since ssh_keys is set, cloud-init does not generate others, so the pinned key is the only
		// one.
		ssh_deletekeys: true,
		ssh_keys: { ed25519_private: hostKey.privateKey, ed25519_public: hostKey.publicKey },
		ssh_pwauth: false,
		disable_root: !root,
		// Without the entry `default`, the image's own user is not made.
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
		// Off, because setting a locale fails on images without the package locales. Text, because 22.4's schema refuses a boolean.
		locale: "false",
		package_update: false,
		package_upgrade: false,
	};
	return `#cloud-config\n${yaml(config)}`;
}

/**
 * The VM's network configuration, version 2. It finds the one interface by its MAC address and does not rename it.
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
		// 22.4 refuses `default` as a destination, so it is a prefix. For IPv6, 22.4 turns ::/0 into ::/64, and its renderer for
		// ifupdown sets routes before the address. Every version and renderer handles gateway6, although it is deprecated.
		...(router4 === undefined ? {} : { routes: [{ to: "0.0.0.0/0", via: router4 }] }),
		...(router6 === undefined ? {} : { gateway6: router6 }),
		...(nameservers.length > 0 ? { nameservers: { addresses: nameservers } } : {}),
	};
	return yaml({ version: 2, ethernets: { gateway } });
}

/** The VM's meta-data. cloud-init sets a machine up once per instance id, so a new id makes it a new machine. */
export function renderMetaData(instanceId: string, { name }: VmDefinition): string {
	return yaml({ "instance-id": instanceId, "local-hostname": name });
}

/** YAML 1.1, as PyYAML reads it: an unquoted `no` is a boolean, and an unquoted MAC address of digits is a base-60 number. */
function yaml(value: unknown): string {
	return stringify(value, { version: "1.1", aliasDuplicateObjects: false, lineWidth: 0 });
}
