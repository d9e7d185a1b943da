import type { Address, Family } from "./address.ts";

/** A machine on the servers' network: a gateway or a physical server. */
export interface Machine {
	readonly name: string;
	/** The address to connect to. A gateway's is also the servers' next hop. */
	readonly address: Address;
	/** Its IPv6 address, if `address` is its IPv4 address. */
	readonly address6?: Address | undefined;
}

/** The machine's addresses, of one family or by default of both. */
export function addressesOf({ address, address6 }: Machine, family?: Family): readonly Address[] {
	const addresses = address6 ? [address, address6] : [address];
	return addresses.filter((one) => family === undefined || one.family === family);
}
