import { describe, expect, test } from "vitest";
import { joinSteps, type RegisteredNode, registeredNode, type Situation } from "./joinSteps.ts";
import { type MachineState, parseMachineState } from "./machineState.ts";

const ID = "0123456789abcdef0123456789abcdef";
const machine = (kind: MachineState["kind"], detail = "") => ({ kind, detail, machineId: ID, kubelet: "v1.34.4" });
const HERE = ["10.200.0.20", "fd00:200::20"];
const ready = { ready: true, machineId: ID, addresses: HERE };
const notReady = { ...ready, ready: false };
const readyElsewhere = { ready: true, machineId: "f".repeat(32), addresses: ["10.200.0.99"] };
const staleElsewhere = { ...readyElsewhere, ready: false };
const predecessor = { ...readyElsewhere, addresses: ["fd00:200:0::20"] };
const OTHER = machine("other", "https://10.9.9.9:6443");
const PARTIAL = machine("partial", "/etc/kubernetes/pki/ca.crt, but no /etc/kubernetes/kubelet.conf");

const OTHER_NODE = machine("other-node", "ku13-1");
const AT = { name: "gw-1", host: "10.200.0.20", addresses: HERE, node: undefined, otherNode: false, skew: [] };

const decide = (state: MachineState, node: RegisteredNode | undefined, more: Partial<Situation> = {}) => {
	const steps = joinSteps({ ...AT, machine: state, node, mayTakeOver: false, ...more });
	if ("refused" in steps) return "refused";
	return [steps.reset && "reset", steps.removeNode && "remove", steps.join && "join"].filter(Boolean).join(" ");
};

describe("what a join does", () => {
	test.each([
		["no node yet", machine("free"), undefined, "join"],
		["a stale Node of another machine", machine("free"), staleElsewhere, "remove join"],
		["a Node of this machine, which was reset by hand", machine("free"), ready, "remove join"],
		["a ready Node of another machine", machine("free"), readyElsewhere, "refused"],
		["a ready Node of an unknown machine", machine("free"), { ...readyElsewhere, machineId: "" }, "refused"],
		["a ready Node of the machine's predecessor", machine("free"), predecessor, "remove join"],
		["a node", machine("joined"), ready, ""],
		["a node that is not ready yet", machine("joined"), notReady, ""],
		["a node that the cluster does not know any more", machine("joined"), undefined, "reset join"],
		["a join interrupted before the Node was there", PARTIAL, undefined, "reset join"],
		["a join interrupted after that", PARTIAL, notReady, "reset remove join"],
		["an interrupted join, and the name is taken", PARTIAL, readyElsewhere, "refused"],
		["another cluster's node", OTHER, undefined, "refused"],
		["part of a control plane", machine("control-plane", "/etc/kubernetes/manifests/etcd.yaml"), undefined, "refused"],
		["a node of another name that the cluster does not know any more", OTHER_NODE, undefined, "reset join"],
		["such a node, and the name is taken", OTHER_NODE, readyElsewhere, "refused"],
	])("%s", (_, state, node, expected) => {
		expect(decide(state, node)).toBe(expected);
	});

	test.each([
		["another cluster's node", OTHER, undefined, "reset join"],
		["another cluster's node, and a stale Node", OTHER, staleElsewhere, "reset remove join"],
		["another cluster's node, and the name is taken", OTHER, readyElsewhere, "refused"],
		["part of a control plane", machine("control-plane"), undefined, "refused"],
	])("%s, which may be taken over", (_, state, node, expected) => {
		expect(decide(state, node, { mayTakeOver: true })).toBe(expected);
	});
});

test.each([false, true])("a live node of another name stays (may be taken over: %j)", (mayTakeOver) => {
	expect(joinSteps({ ...AT, machine: OTHER_NODE, otherNode: true, mayTakeOver })).toEqual({
		refused:
			"10.200.0.20 is the node ku13-1 of this cluster; correct the gateway's address in the settings, or, to make that machine the gateway, remove the node first: kubectl drain ku13-1 --ignore-daemonsets, then kubectl delete node ku13-1",
	});
});

describe("a kubelet that does not fit", () => {
	const skew = ["kubelet v1.35.0 does not fit"];

	test("is refused before anything is reset", () => {
		expect(joinSteps({ ...AT, machine: PARTIAL, mayTakeOver: false, skew })).toEqual({
			refused: "gw-1 does not join: kubelet v1.35.0 does not fit",
		});
	});

	test("does not stop a machine that is a node already", () => {
		expect(decide(machine("joined"), ready, { skew })).toBe("");
	});
});

test("registeredNode", () => {
	const addresses = [
		{ type: "Hostname", address: "gw-1" },
		{ type: "InternalIP", address: "10.200.0.20" },
	];
	expect(registeredNode({ status: { addresses } })).toEqual({
		ready: false,
		machineId: "",
		addresses: ["10.200.0.20"],
	});
});

test("the messages name every finding", () => {
	expect(joinSteps({ ...AT, machine: OTHER, mayTakeOver: false })).toEqual({
		refused:
			"10.200.0.20 is a node of another cluster, whose API server is https://10.9.9.9:6443; remove it from that cluster first (kubeadm reset), or set takeOver: true for the gateway",
	});
	expect(joinSteps({ ...AT, machine: PARTIAL, node: notReady, mayTakeOver: false })).toMatchObject({
		because: [
			"10.200.0.20 has the remains of an interrupted join (/etc/kubernetes/pki/ca.crt, but no /etc/kubernetes/kubelet.conf): resetting it",
			"the Node object is a leftover of this machine: removing it",
		],
	});
	expect(joinSteps({ ...AT, machine: OTHER, mayTakeOver: true })).toMatchObject({
		because: [
			"10.200.0.20 is a node of another cluster, whose API server is https://10.9.9.9:6443, and may be taken over: resetting it",
		],
	});
});

describe("parseMachineState", () => {
	test("reads the script's output", () => {
		expect(parseMachineState(`machine-id ${ID}\nstate other\ndetail https://10.9.9.9:6443\n`)).toEqual({
			ok: true,
			value: { ...OTHER, kubelet: "" },
		});
		expect(parseMachineState("state free\n")).toEqual({
			ok: true,
			value: { kind: "free", detail: "", machineId: "", kubelet: "" },
		});
		expect(parseMachineState("kubelet v1.34.4\nstate other-node\ndetail ku13-1\n")).toMatchObject({
			value: { kind: "other-node", detail: "ku13-1", kubelet: "v1.34.4" },
		});
	});

	test("control characters are escaped", () => {
		expect(parseMachineState("state other\ndetail https://\u001b[2J\n")).toMatchObject({
			value: { detail: '"https://\\u001b[2J"' },
		});
	});

	test.each(["", "free\n", "state unheard-of\n"])("%j is an error", (output) => {
		expect(parseMachineState(output).ok).toBe(false);
	});
});
