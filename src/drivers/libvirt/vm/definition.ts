import type { Address } from "../../../core/values/address.ts";
import type { HostKeyPair } from "../../../core/values/hostKey.ts";

/** Where a VM's disk comes from. The checksum is that of the whole file, SHA-256 in hex. */
export interface BaseImage {
	/** Absolute path on the hypervisor, or an http(s) URL the hypervisor can reach. */
	readonly source: string;
	readonly sha256: string;
}

/** A kernel started by the hypervisor itself, for an image without a boot loader. */
export interface DirectBoot {
	/** Absolute paths on the hypervisor. */
	readonly kernel: string;
	readonly initrd: string;
	/** Example: `root=LABEL=root rw console=ttyS0`. */
	readonly commandLine: string;
}

/** An address with its network's prefix length and, where there is one, the default gateway of its family. */
export interface StaticAddress {
	readonly address: Address;
	readonly prefixLength: number;
	readonly router?: Address | undefined;
}

/** How a VM gets its addresses: by DHCP, from a server that knows its MAC address, or as written here. */
export type VmNetwork =
	| { readonly dhcp: true }
	| {
			readonly dhcp: false;
			/** One, or one of each family. */
			readonly addresses: readonly StaticAddress[];
			readonly nameservers: readonly Address[];
	  };

/** A virtual machine as it is to be; a change of any of it makes another machine. */
export interface VmDefinition {
	/** Name of the libvirt domain and host name of the machine: one DNS label. */
	readonly name: string;
	readonly image: BaseImage;
	readonly cpus: number;
	/** MiB. */
	readonly memory: number;
	/** GiB. */
	readonly disk: number;
	/** The hypervisor's bridge that the machine's one interface hangs on. */
	readonly bridge: string;
	/** Example: `52:54:00:a1:b2:c3`. */
	readonly mac: string;
	readonly network: VmNetwork;
	readonly boot?: DirectBoot | undefined;
	/** Whether QEMU emulates the processor; else KVM runs it. */
	readonly emulation: boolean;
}

/** What only the machine itself may know, or what may change without making it another machine. */
export interface VmAccess {
	/** The user to log in as, `root` or one who may become root. */
	readonly user: string;
	/** Lines as in authorized_keys. */
	readonly authorizedKeys: readonly string[];
	/** The machine's SSH host key, made before the machine. */
	readonly hostKey: HostKeyPair;
}
