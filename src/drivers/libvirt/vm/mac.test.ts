import { expect, test } from "vitest";
import { address } from "../../../../tests/fixtures/vm.ts";
import { macFor } from "./mac.ts";

test("a MAC address follows from name and address", () => {
	expect(macFor("gw-1", address("10.200.0.20"))).toMatchInlineSnapshot(`"52:54:00:14:3e:e4"`);
	expect(macFor("gw-1", address("10.200.0.21"))).not.toBe(macFor("gw-1", address("10.200.0.20")));
	expect(macFor("gw-2", address("10.200.0.20"))).not.toBe(macFor("gw-1", address("10.200.0.20")));
});
