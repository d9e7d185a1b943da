import { createHash } from "node:crypto";
import type { StaticAddress, VmDefinition } from "./definition.ts";

/**
 * A VM as plain lines, one fact each, in a fixed order. Two definitions differ exactly if their lines do. `pulumi preview
 * --diff` shows these lines when a VM will be replaced.
 */
export function describeVm(definition: VmDefinition): string[] {
	return lines(definition, `${definition.image.sha256.slice(0, 12)}…`);
}

/** The identity of a definition: SHA-256 in hex of its lines with the image's full checksum. */
export function digestOf(definition: VmDefinition): string {
	return createHash("sha256").update(lines(definition, definition.image.sha256).join("\n")).digest("hex");
}

function lines(definition: VmDefinition, checksum: string): string[] {
	const { name, image, cpus, memory, disk, bridge, mac, network, boot, emulation } = definition;
	return [
		`name ${name}`,
		`image ${image.source} sha256:${checksum}`,
		`cpus ${cpus}`,
		`memory ${memory} MiB`,
		`disk ${disk} GiB`,
		`bridge ${bridge}`,
		`mac ${mac}`,
		...(network.dhcp
			? ["address by DHCP"]
			: [
					...network.addresses.map((one) => `address ${addressLine(one)}`),
					...network.nameservers.map(({ text }) => `nameserver ${text}`),
				]),
		...(boot
			? [`boot kernel ${boot.kernel}`, `boot initrd ${boot.initrd}`, `boot command line ${boot.commandLine}`]
			: ["boot from disk"]),
		`processor ${emulation ? "emulated" : "by KVM"}`,
	];
}

function addressLine({ address, prefixLength, router }: StaticAddress): string {
	return `${address.text}/${prefixLength}${router ? ` router ${router.text}` : ""}`;
}
