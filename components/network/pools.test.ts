import { expect, test } from "vitest";
import { poolsOf, poolWarnings } from "./pools.ts";

const record = (spec: object) => ({
	kind: "IPPool",
	metadata: { name: "x" },
	spec: { cidr: "192.244.0.0/16", ...spec },
});
const warningsOf = (spec: object) => poolWarnings(poolsOf([record(spec)]).pools);

test("a pool without overlay, NAT or silence is nothing to speak of", () => {
	expect(warningsOf({ ipipMode: "Never", vxlanMode: "Never", natOutgoing: false })).toEqual([]);
	expect(warningsOf({})).toEqual([]);
});

test.each([
	[{ vxlanMode: "CrossSubnet" }, /^pool 192\.244\.0\.0\/16 is in VXLAN mode: .*MTU/],
	[{ ipipMode: "Always" }, /^pool 192\.244\.0\.0\/16 is in IP-in-IP mode: /],
	[{ natOutgoing: true }, /^pool 192\.244\.0\.0\/16 has natOutgoing: .*node's address/],
	[{ disableBGPExport: true }, /^pool 192\.244\.0\.0\/16 has disableBGPExport: .*no route/],
])("%j is a warning with its reason", (spec, warning) => {
	const warnings = warningsOf(spec);
	expect(warnings).toHaveLength(1);
	expect(warnings[0]).toMatch(warning);
});

test("a disabled pool is none, and what makes no sense is named", () => {
	expect(poolsOf([record({ disabled: true, vxlanMode: "Always" })])).toEqual({ pools: [], notes: [] });
	const { pools, notes } = poolsOf([null, record({ cidr: "\u001b[2J" })]);
	expect(pools).toEqual([]);
	expect(notes).toEqual([
		"left out what is no IP pool: null",
		expect.stringContaining("left out what is no IP pool: {"),
	]);
	expect(notes.join()).not.toContain("\u001b");
});
