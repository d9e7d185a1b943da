import { expect, test } from "vitest";
import { vmAddress } from "./hypervisor.ts";

test("a VM with the gateway's name has its address; the next one beside it has the spare one", () => {
	expect(vmAddress("gw-1")).toBe("10.200.0.20");
	expect(vmAddress("gw-1-b")).toBe("10.200.0.21");
});
