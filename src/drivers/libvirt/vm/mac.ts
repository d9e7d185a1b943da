import { createHash } from "node:crypto";
import type { Address } from "../../../core/values/address.ts";

/**
 * The default MAC address of a VM. It only depends on the name and the address, so that a DHCP server also knows the next VM.
 * 52:54:00 is the prefix of QEMU and libvirt; its second-lowest bit marks a locally administered address.
 */
export function macFor(name: string, address: Address): string {
	const hash = createHash("sha256").update(`${name} ${address.text}`).digest("hex");
	return ["52", "54", "00", hash.slice(0, 2), hash.slice(2, 4), hash.slice(4, 6)].join(":");
}
