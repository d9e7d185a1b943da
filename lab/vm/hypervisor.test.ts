import { expect, test } from "vitest";
import { vmAddress } from "./hypervisor.ts";

test("a VM with the gateway's name has the gateway's address; another VM has the spare address", () => {
	expect(vmAddress("gw-1")).toBe("10.200.0.20");
	expect(vmAddress("gw-1-b")).toBe("10.200.0.21");
});
