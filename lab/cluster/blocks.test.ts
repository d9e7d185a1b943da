import { expect, test } from "vitest";
import { recordsOf } from "../../src/core/calico/etcdRecords.ts";
import { affinityKey, affinityName } from "./blocks.ts";

test("an affinity has Calico's name", () => {
	expect(affinityName("ku13-1", "192.244.190.128/26")).toBe("ku13-1-192-244-190-128-26");
});

test("an affinity has Calico's key, which the survey reads", () => {
	const key = affinityKey("ku13-1", "192.244.190.128/26");
	expect(key).toBe("/calico/ipam/v2/host/ku13-1/ipv4/block/192.244.190.128-26");
	expect(recordsOf([{ key, value: "" }]).affinities).toMatchObject([
		{ spec: { node: "ku13-1", cidr: "192.244.190.128/26" } },
	]);
});
