import { expect, test } from "vitest";
import { must } from "../../../tests/fixtures/arbitraries.ts";
import { parsePrefix } from "../values/prefix.ts";
import { outsideProblem, poolsOf, poolWarnings } from "./pools.ts";

const record = (spec: object) => ({
	kind: "IPPool",
	metadata: { name: "x" },
	spec: { cidr: "192.244.0.0/16", ...spec },
});
const warningsOf = (spec: object) => poolWarnings(poolsOf([record(spec)]).pools);

test("an announced pool without overlay and NAT gives no warning", () => {
	expect(warningsOf({ ipipMode: "Never", vxlanMode: "Never", natOutgoing: false })).toEqual([]);
	expect(warningsOf({})).toEqual([]);
});

test.each([
	[{ vxlanMode: "CrossSubnet" }, /^pool 192\.244\.0\.0\/16 is in VXLAN mode: .*MTU/],
	[{ ipipMode: "Always" }, /^pool 192\.244\.0\.0\/16 is in IP-in-IP mode: /],
	[{ natOutgoing: true }, /^pool 192\.244\.0\.0\/16 has natOutgoing: .*node's address/],
	[{ disableBGPExport: true }, /^pool 192\.244\.0\.0\/16 has disableBGPExport: .*does not get routes/],
])("%j gives a warning with its reason", (spec, warning) => {
	const warnings = warningsOf(spec);
	expect(warnings).toHaveLength(1);
	expect(warnings[0]).toMatch(warning);
});

test("a disabled pool is left out, and an unreadable record gives a note", () => {
	expect(poolsOf([record({ disabled: true, vxlanMode: "Always" })])).toEqual({ pools: [], notes: [] });
	const { pools, notes } = poolsOf([null, record({ cidr: "\u001b[2J" })]);
	expect(pools).toEqual([]);
	expect(notes).toEqual([
		"left out a record that is not an IP pool: null",
		expect.stringContaining("left out a record that is not an IP pool: {"),
	]);
	expect(notes.join()).not.toContain("\u001b");
});

test("a VXLAN pool has routes even without BGP export", () => {
	const [pool] = poolsOf([record({ vxlanMode: "Always", disableBGPExport: true })]).pools;
	expect(pool?.announced).toBe(true);
	expect(warningsOf({ vxlanMode: "Always", disableBGPExport: true })).toHaveLength(1);
});

test.each([
	["no pool", [], undefined],
	["a pool that is the range", ["10.244.0.0/16"], undefined],
	["a pool that is a part of it", ["10.244.128.0/17"], undefined],
	[
		"a second pool",
		["10.244.0.0/16", "172.16.0.0/16"],
		/^Calico's IP pools 172\.16\.0\.0\/16 are not in .*10\.244\.0\.0\/16.*podRanges/,
	],
	["a pool that is wider", ["10.0.0.0/8"], /^Calico's IP pools 10\.0\.0\.0\/8 are not in/],
])("pools are compared with the pod ranges: %s", (_, cidrs, problem) => {
	const { pools } = poolsOf(cidrs.map((cidr) => record({ cidr })));
	const said = outsideProblem(pools, [must(parsePrefix("10.244.0.0/16"))]);
	if (problem === undefined) expect(said).toBeUndefined();
	else expect(said).toMatch(problem);
});
