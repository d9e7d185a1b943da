import type { LayerName } from "./layers.ts";

/** What a host is made of. */
export interface HostSpec {
	/** A machine of the site. */
	readonly name: string;
	/** Layers on the same base, topmost first; the base itself is always at the bottom and need not be named. */
	readonly layers: readonly LayerName[];
	/**
	 * The host is to run containers: writable cgroups, a real filesystem at /var/lib/containerd (overlayfs cannot lie on
	 * overlayfs), /dev/kmsg and the system calls that runc needs. Default: false.
	 */
	readonly kubelet?: boolean;
	/** `v2`: the host sees cgroup v2 alone, as systemd insists on from 256 on. Default: what the machine has. */
	readonly cgroups?: "v2";
	/** Devices of the machine to pass on, such as `/dev/net/tun`. Default: none. */
	readonly devices?: readonly string[];
	/** Folders of the machine to show read-only, by their place in the host. Default: none. */
	readonly binds?: Readonly<Record<string, string>>;
	/** Puts files into the root filesystem before the first boot. Not called again when the host boots another time. */
	readonly prepare?: (root: string) => Promise<void>;
}
