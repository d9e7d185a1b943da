import type { Address, Family } from "./address.ts";

/** A machine on the servers' network: a gateway or a physical server. */
export interface Machine {
	readonly name: string;
	/** Where it is reached. A gateway's is also the servers' next hop. */
	readonly address: Address;
	/** Its IPv6 address, where `address` is its IPv4 address. */
	readonly address6?: Address | undefined;
}

/** The addresses of a machine, of one family or of both. */
export function addressesOf({ address, address6 }: Machine, family?: Family): readonly Address[] {
	const addresses = address6 ? [address, address6] : [address];
	return addresses.filter((one) => family === undefined || one.family === family);
}
