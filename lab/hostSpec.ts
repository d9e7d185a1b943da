import type { LayerName } from "./layers.ts";

/** How to make a host. */
export interface HostSpec {
	/** A machine of the site. */
	readonly name: string;
	/** Layers on the same base, topmost first. The base is always at the bottom and need not be named. */
	readonly layers: readonly LayerName[];
	/**
	 * Whether the host runs containers: it gets writable cgroups, a real filesystem at /var/lib/containerd (overlayfs cannot lie
	 * on overlayfs), /dev/kmsg and the system calls that runc needs. Default: false.
	 */
	readonly kubelet?: boolean;
	/** `v2`: the host sees only cgroup v2, which systemd requires from 256 on. Default: what the machine has. */
	readonly cgroups?: "v2";
	/** Devices of the machine to pass on, such as `/dev/net/tun`. Default: none. */
	readonly devices?: readonly string[];
	/** Folders of the machine that the host sees read-only, by their path in the host. Default: none. */
	readonly binds?: Readonly<Record<string, string>>;
	/** Puts files into the root filesystem. Called only before the first boot. */
	readonly prepare?: (root: string) => Promise<void>;
}
