import { type Address, parseAddress } from "../network/address.ts";
import type { VmAccess, VmDefinition } from "./definition.ts";

/** The address with this text, for tests. */
export function address(text: string): Address {
	const parsed = parseAddress(text);
	if (!parsed.ok) throw new Error(parsed.problems.join("; "));
	return parsed.value;
}

/** A definition with every choice at its plainest, for tests. */
export const exampleVm: VmDefinition = {
	name: "gw-1",
	image: { source: "/var/lib/libvirt/images/debian-12.qcow2", sha256: "0123456789abcdef".repeat(4) },
	cpus: 2,
	memory: 2048,
	disk: 8,
	bridge: "br0",
	mac: "52:54:00:10:20:30",
	network: {
		dhcp: false,
		addresses: [{ address: address("10.200.0.20"), prefixLength: 24, router: address("10.200.0.1") }],
		nameservers: [address("10.200.0.1")],
	},
	emulation: false,
};

/** With an address of each family, a kernel of its own and an emulated processor, for tests. */
export const emulatedVm: VmDefinition = {
	...exampleVm,
	image: { source: "https://images.example.org/debian-12.qcow2", sha256: "fedcba9876543210".repeat(4) },
	network: {
		dhcp: false,
		addresses: [
			{ address: address("10.200.0.20"), prefixLength: 24, router: address("10.200.0.1") },
			{ address: address("fd00:200::20"), prefixLength: 64, router: address("fd00:200::1") },
		],
		nameservers: [address("10.200.0.1"), address("fd00:200::1")],
	},
	boot: {
		kernel: "/srv/boot/vmlinuz",
		initrd: "/srv/boot/initrd.img",
		commandLine: "root=LABEL=root rw console=ttyS0",
	},
	emulation: true,
};

/** For tests; the key is none. */
export const exampleAccess: VmAccess = {
	user: "root",
	authorizedKeys: ["ssh-ed25519 AAAAoperator operator"],
	hostKey: {
		privateKey: "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAAprivate\n-----END OPENSSH PRIVATE KEY-----\n",
		publicKey: "ssh-ed25519 AAAApublic",
	},
};
