import { describe, expect, it } from "vitest";
import { changes } from "./diff.ts";
import { secret, signature, type Values } from "./values.ts";

const asset = (hash: string, path: string): Values => ({ [signature]: "c44067f5952c0a294b673a41bacd8c17", hash, path });

describe("changes", () => {
	it.each<[string, Values, Values, string[]]>([
		["nothing", { a: 1, b: [1, { c: "x" }] }, { b: [1, { c: "x" }], a: 1 }, []],
		["no change between a null and a missing property", { a: null }, {}, []],
		["an additional property", {}, { stdin: "x" }, ["add stdin"]],
		["a removed property", { update: "x" }, {}, ["delete update"]],
		[
			"a list's item",
			{ triggers: ["a", "b"] },
			{ triggers: ["a", "c", "d"] },
			["update triggers[1]", "add triggers[2]"],
		],
		["an inner property", { m: { l: { app: "a" } } }, { m: { l: { app: "b" } } }, ["update m.l.app"]],
		["a key with dots", { l: { "a.b/c": "1" } }, { l: { "a.b/c": "2" } }, ['update l["a.b/c"]']],
		["a secret as one value", { c: secret({ k: "1", h: "x" }) }, { c: secret({ k: "2", h: "x" }) }, ["update c"]],
		["equal secrets", { c: secret({ k: "1" }) }, { c: secret({ k: "1" }) }, []],
		["a value that becomes secret", { c: "1" }, { c: secret("1") }, ["update c"]],
		["an asset moved without a change", { s: asset("h", "a") }, { s: asset("h", "b") }, []],
		["an asset's content", { s: asset("h", "a") }, { s: asset("i", "a") }, ["update s"]],
	])("sees %s", (_what, olds, news, expected) => {
		expect(changes(olds, news).map((change) => `${change.kind} ${change.path}`)).toEqual(expected);
	});
});
