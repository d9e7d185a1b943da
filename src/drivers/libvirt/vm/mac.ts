import { createHash } from "node:crypto";
import type { Address } from "../../../core/values/address.ts";

/**
 * The MAC address of a VM that was given none: the same for the same name and address, so that a DHCP server knows the next one
 * too. 52:54:00 is the prefix QEMU and libvirt use; its second-lowest bit says that the address is locally administered.
 */
export function macFor(name: string, address: Address): string {
	const hash = createHash("sha256").update(`${name} ${address.text}`).digest("hex");
	return ["52", "54", "00", hash.slice(0, 2), hash.slice(2, 4), hash.slice(4, 6)].join(":");
}
