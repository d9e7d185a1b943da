import { expect, test } from "vitest";
import { affinityName } from "./blocks.ts";

test("an affinity has Calico's name", () => {
	expect(affinityName("ku13-1", "192.244.190.128/26")).toBe("ku13-1-192-244-190-128-26");
});
