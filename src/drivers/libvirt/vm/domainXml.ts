import { posix } from "node:path";
import { create } from "xmlbuilder2";
import type { VmDefinition } from "./definition.ts";
import { digestOf } from "./describe.ts";

/** The absolute paths of a VM's files on the hypervisor. */
export interface VmFiles {
	/** A qcow2 overlay on the base image. */
	readonly disk: string;
	/** An ISO 9660 image with the volume id `cidata`: cloud-init's NoCloud data source. */
	readonly seed: string;
	/** The output of the machine's serial console since its first boot. */
	readonly console: string;
}

/** The files that host/libvirt-vm.sh makes below `directory`. */
export function filesOf(directory: string, name: string): VmFiles {
	const file = (base: string) => posix.join(directory, "pod-gateway", name, base);
	return { disk: file("disk.qcow2"), seed: file("seed.iso"), console: file("console.log") };
}

/** The namespace of the element by which host/libvirt-vm.sh recognizes pod-gateway's domains. */
const NAMESPACE = "urn:pod-gateway:vm";

/**
 * The libvirt domain of a VM, for x86-64 and libvirt 9 or later. https://libvirt.org/formatdomain.html
 *
 * Every device uses virtio, also the seed, because Debian's cloud kernel does not have a driver for the SATA CD-ROM of a q35
 * machine.
 */
export function renderDomain(definition: VmDefinition, files: VmFiles): string {
	const { name, cpus, memory, bridge, mac, boot, emulation } = definition;
	const domain = {
		"@type": emulation ? "qemu" : "kvm",
		name,
		description: "Gateway VM made by pod-gateway, which also replaces and removes it: pulumi up, pulumi destroy",
		metadata: { "pod-gateway:vm": { "@xmlns:pod-gateway": NAMESPACE, "@digest": digestOf(definition) } },
		memory: { "@unit": "MiB", "#": memory },
		vcpu: cpus,
		os: {
			type: { "@arch": "x86_64", "@machine": "q35", "#": "hvm" },
			...(boot ? { kernel: boot.kernel, initrd: boot.initrd, cmdline: boot.commandLine } : { boot: { "@dev": "hd" } }),
		},
		features: { acpi: {} },
		// The oldest emulated processor with x86-64-v2, which RHEL 9 and its derivatives need.
		cpu: emulation ? { "@mode": "custom", "@match": "exact", model: "Nehalem" } : { "@mode": "host-passthrough" },
		clock: { "@offset": "utc" },
		on_poweroff: "destroy",
		on_reboot: "restart",
		on_crash: "restart",
		devices: {
			disk: [
				{
					"@type": "file",
					"@device": "disk",
					driver: { "@name": "qemu", "@type": "qcow2", "@discard": "unmap" },
					source: { "@file": files.disk },
					target: { "@dev": "vda", "@bus": "virtio" },
				},
				{
					"@type": "file",
					"@device": "disk",
					driver: { "@name": "qemu", "@type": "raw" },
					source: { "@file": files.seed },
					target: { "@dev": "vdb", "@bus": "virtio" },
					readonly: {},
				},
			],
			interface: {
				"@type": "bridge",
				mac: { "@address": mac },
				source: { "@bridge": bridge },
				model: { "@type": "virtio" },
			},
			// `virsh console` needs a pty. virtlogd copies all output to the file.
			serial: { "@type": "pty", log: { "@file": files.console, "@append": "on" }, target: { "@port": 0 } },
			console: { "@type": "pty", target: { "@type": "serial", "@port": 0 } },
			rng: { "@model": "virtio", backend: { "@model": "random", "#": "/dev/urandom" } },
			controller: { "@type": "usb", "@model": "none" },
			memballoon: { "@model": "none" },
		},
	};
	return `${create({ domain }).end({ prettyPrint: true, headless: true })}\n`;
}
