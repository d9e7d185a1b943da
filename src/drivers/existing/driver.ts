import { hostAddress, hostAddress6, hostKey } from "../../settings/fields.ts";
import type { Driver } from "../driver.ts";

const settings = {
	address: hostAddress.describe("IPv4 or IPv6 address; also the servers' next hop."),
	address6: hostAddress6.optional().describe("IPv6 address, if address is IPv4."),
	hostKey: hostKey.describe("Public host key, ed25519 or ecdsa. Example: ssh-ed25519 AAAA…"),
};

/** A machine that exists already. */
export const driver: Driver<typeof settings> = {
	settings,
	provision: ({ settings: { address, address6, hostKey } }) => ({
		address: address.text,
		address6: address6?.text,
		hostKey,
	}),
};
