import type { Address } from "../../../core/values/address.ts";
import type { HostKeyPair } from "../../../core/values/hostKey.ts";

/** The image that a VM's disk is made from. */
export interface BaseImage {
	/** Absolute path on the hypervisor, or an http(s) URL that the hypervisor can reach. */
	readonly source: string;
	/** Of the whole file, in hex. */
	readonly sha256: string;
}

/** A kernel that the hypervisor starts, for an image without a boot loader. */
export interface DirectBoot {
	/** Absolute paths on the hypervisor. */
	readonly kernel: string;
	readonly initrd: string;
	/** Example: `root=LABEL=root rw console=ttyS0`. */
	readonly commandLine: string;
}

/** An address, its network's prefix length, and the default gateway of its family if there is one. */
export interface StaticAddress {
	readonly address: Address;
	readonly prefixLength: number;
	readonly router?: Address | undefined;
}

/** How a VM gets its addresses: static ones, or from a DHCP server that knows its MAC address. */
export type VmNetwork =
	| { readonly dhcp: true }
	| {
			readonly dhcp: false;
			/** One, or one of each family. */
			readonly addresses: readonly StaticAddress[];
			readonly nameservers: readonly Address[];
	  };

/** The definition of a virtual machine. Any change makes it another machine. */
export interface VmDefinition {
	/** Name of the libvirt domain and host name of the machine: one DNS label. */
	readonly name: string;
	readonly image: BaseImage;
	readonly cpus: number;
	/** MiB. */
	readonly memory: number;
	/** GiB. */
	readonly disk: number;
	/** The hypervisor's bridge to which the machine's one interface is attached. */
	readonly bridge: string;
	/** Example: `52:54:00:a1:b2:c3`. */
	readonly mac: string;
	readonly network: VmNetwork;
	readonly boot?: DirectBoot | undefined;
	/** Whether QEMU emulates the processor. Otherwise KVM runs it. */
	readonly emulation: boolean;
}

/** Values of a machine that are secret, or that may change without making it another machine. */
export interface VmAccess {
	/** The user to log in as: `root`, or a user who may become root. */
	readonly user: string;
	/** Lines of authorized_keys. */
	readonly authorizedKeys: readonly string[];
	/** The machine's SSH host key, made before the machine. */
	readonly hostKey: HostKeyPair;
}
