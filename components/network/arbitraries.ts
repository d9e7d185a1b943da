import fc from "fast-check";
import { ADDRESS_BITS, type Address, addressOf, type Family } from "./address.ts";
import { type Prefix, prefixAround } from "./prefix.ts";
import { printable } from "./printable.ts";
import type { Result } from "./result.ts";

/** The value of a result that a test relies on. */
export function must<Value>(result: Result<Value>): Value {
	if (!result.ok) throw new Error(`expected a value, got: ${printable(result.problems)}`);
	return result.value;
}

/** Any address, of either family; IPv4-mapped ones are none. */
export const anyAddress: fc.Arbitrary<Address> = fc.constantFrom<Family>(4, 6).chain((family) =>
	fc
		.bigInt(0n, (1n << BigInt(ADDRESS_BITS[family])) - 1n)
		.filter((value) => family === 4 || value >> 32n !== 0xffffn)
		.map((value) => addressOf(family, value)),
);

/** Any prefix, of either family and any length. */
export const anyPrefix: fc.Arbitrary<Prefix> = anyAddress.chain((address) =>
	fc
		.integer({ min: 0, max: ADDRESS_BITS[address.family] })
		.map((length) => prefixAround(address, length))
		.filter(({ family, first }) => family === 4 || !first.startsWith("00000000000000000000ffff")),
);
