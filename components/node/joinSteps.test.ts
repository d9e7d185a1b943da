import { describe, expect, test } from "vitest";
import { joinSteps, type RegisteredNode } from "./joinSteps.ts";
import { type MachineState, parseMachineState } from "./machineState.ts";

const ID = "0123456789abcdef0123456789abcdef";
const machine = (kind: MachineState["kind"], detail = "") => ({ kind, detail, machineId: ID });
const ready = { ready: true, machineId: ID };
const notReady = { ready: false, machineId: ID };
const readyElsewhere = { ready: true, machineId: "f".repeat(32) };
const staleElsewhere = { ready: false, machineId: "f".repeat(32) };
const OTHER = machine("other", "https://10.9.9.9:6443");
const PARTIAL = machine("partial", "/etc/kubernetes/pki/ca.crt, but no /etc/kubernetes/kubelet.conf");

const decide = (state: MachineState, node: RegisteredNode | undefined, mayTakeOver = false) => {
	const steps = joinSteps({ name: "gw-1", host: "10.200.0.20", machine: state, node, mayTakeOver });
	if ("refused" in steps) return "refused";
	return [steps.reset && "reset", steps.removeNode && "remove", steps.join && "join"].filter(Boolean).join(" ");
};

describe("what a join does", () => {
	test.each([
		["no node yet", machine("free"), undefined, "join"],
		["a stale Node of another machine", machine("free"), staleElsewhere, "remove join"],
		["a Node of this machine, which was reset by hand", machine("free"), ready, "remove join"],
		["a ready Node of another machine", machine("free"), readyElsewhere, "refused"],
		["a ready Node of nobody knows which machine", machine("free"), { ready: true, machineId: "" }, "refused"],
		["a node", machine("joined"), ready, ""],
		["a node that is not ready yet", machine("joined"), notReady, ""],
		["a node the cluster has forgotten", machine("joined"), undefined, "reset join"],
		["a join cut before the Node was there", PARTIAL, undefined, "reset join"],
		["a join cut after that", PARTIAL, notReady, "reset remove join"],
		["a join cut, and the name is taken", PARTIAL, readyElsewhere, "refused"],
		["another cluster's node", OTHER, undefined, "refused"],
		["part of a control plane", machine("control-plane", "/etc/kubernetes/manifests/etcd.yaml"), undefined, "refused"],
	])("%s", (_, state, node, expected) => {
		expect(decide(state, node)).toBe(expected);
	});

	test.each([
		["another cluster's node", OTHER, undefined, "reset join"],
		["another cluster's node, and a stale Node", OTHER, staleElsewhere, "reset remove join"],
		["another cluster's node, and the name is taken", OTHER, readyElsewhere, "refused"],
		["part of a control plane", machine("control-plane"), undefined, "refused"],
	])("%s, which may be taken over", (_, state, node, expected) => {
		expect(decide(state, node, true)).toBe(expected);
	});
});

test("what is found is said", () => {
	const at = { name: "gw-1", host: "10.200.0.20", node: undefined };
	expect(joinSteps({ ...at, machine: OTHER, mayTakeOver: false })).toEqual({
		refused:
			"10.200.0.20 is a node of another cluster, whose API server is https://10.9.9.9:6443; take it out of that one first (kubeadm reset), or set takeOver: true for the gateway to have that done",
	});
	expect(joinSteps({ ...at, machine: PARTIAL, node: notReady, mayTakeOver: false })).toMatchObject({
		because: [
			"10.200.0.20 has the remains of a join that did not come to its end (/etc/kubernetes/pki/ca.crt, but no /etc/kubernetes/kubelet.conf): resetting it",
			"the Node object is a leftover of this machine: removing it",
		],
	});
	expect(joinSteps({ ...at, machine: OTHER, mayTakeOver: true })).toMatchObject({
		because: [
			"10.200.0.20 is a node of another cluster, whose API server is https://10.9.9.9:6443, and may be taken over: resetting it",
		],
	});
});

describe("parseMachineState", () => {
	test("as the script prints it", () => {
		expect(parseMachineState(`machine-id ${ID}\nstate other\ndetail https://10.9.9.9:6443\n`)).toEqual({
			ok: true,
			value: OTHER,
		});
		expect(parseMachineState("state free\n")).toEqual({
			ok: true,
			value: { kind: "free", detail: "", machineId: "" },
		});
	});

	test("what could harm a terminal is escaped", () => {
		expect(parseMachineState("state other\ndetail https://\u001b[2J\n")).toMatchObject({
			value: { detail: '"https://\\u001b[2J"' },
		});
	});

	test.each(["", "free\n", "state unheard-of\n"])("%j is an error", (output) => {
		expect(parseMachineState(output).ok).toBe(false);
	});
});
