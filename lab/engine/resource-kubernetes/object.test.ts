import { describe, expect, it } from "vitest";
import { isSecret, secret, type Values } from "../protocol/values.ts";
import { difference } from "./difference.ts";
import { idOf, parseId, parseState, pruned, stateOf } from "./object.ts";

const inputs: Values = {
	apiVersion: "v1",
	kind: "Secret",
	metadata: { name: "t", namespace: "kube-system" },
	stringData: { token: secret("abc") },
};
const live: Values = {
	apiVersion: "v1",
	kind: "Secret",
	metadata: { name: "t", namespace: "kube-system", uid: "1", managedFields: [] },
	data: { token: "YWJj" },
	type: "Opaque",
};

describe("a Kubernetes object", () => {
	it("has the official ids", () => {
		expect(idOf(live)).toBe("kube-system/t");
		expect(parseId("kube-system/t")).toEqual({ namespace: "kube-system", name: "t" });
		expect(parseId("gw-1")).toEqual({ namespace: "", name: "gw-1" });
	});

	it("is reduced to the fields that the inputs have", () => {
		expect(pruned({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 0 }, e: 0 })).toEqual({ a: { b: 1 } });
	});

	it("keeps a Secret's data secret in the state, also in the server's form", () => {
		const state = stateOf(live, inputs, "v1", "m");
		expect(isSecret(state["data"])).toBe(true);
		const outside = JSON.stringify(state, (_, value) => (isSecret(value) ? "[secret]" : value));
		expect(outside).not.toMatch(/abc|YWJj/);
		expect(parseState(state)).toMatchObject({ live: { data: { token: "YWJj" } }, manager: "m" });
	});
});

describe("the difference between the live object and new inputs", () => {
	const state = stateOf(live, inputs, "v1", "m");

	it("is empty when nothing changed, even if the server rewrote and added fields", () => {
		expect(difference(state, inputs, false, true).changes).toEqual([]);
	});

	it("replaces a Secret when its data change, and deletes the old one first because the program chose the name", () => {
		const found = difference(state, { ...inputs, stringData: { token: secret("abd") } }, false, true);
		expect(found).toMatchObject({ replaces: ["data.token"], deleteBeforeReplace: true });
	});

	it("updates labels in place, and replaces when the name changes", () => {
		const meta = { name: "t", namespace: "kube-system" };
		const labelled = difference(state, { ...inputs, metadata: { ...meta, labels: { a: "b" } } }, false, true);
		expect(labelled).toMatchObject({ changes: [{ path: "metadata.labels", kind: "add" }], replaces: [] });
		const renamed = difference(state, { ...inputs, metadata: { ...meta, name: "u" } }, false, true);
		expect(renamed).toMatchObject({ replaces: ["metadata.name"], deleteBeforeReplace: false });
	});
});
