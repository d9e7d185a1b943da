import { ApiException, type V1Node } from "@kubernetes/client-node";
import { describe, expect, test, vi } from "vitest";
import { exampleRequest } from "../../tests/fixtures/nodeRequest.ts";
import { ClusterUnreachable } from "../kube/connection.ts";
import { ConnectionError } from "../remote/ssh.ts";
import { JOIN_ANNOTATION } from "./joinId.ts";
import { type LeaveActs, leaveCluster } from "./leave.ts";
import type { MachineState } from "./machineState.ts";

const is = (kind: MachineState["kind"], detail = "") => ({ kind, detail, machineId: "", kubelet: "" });

/** A cluster and a machine that record each action. @param more replaces actions. */
function acts(more: Partial<LeaveActs["cluster"]> & Partial<Omit<LeaveActs, "cluster">> = {}) {
	const events: string[] = [];
	const node: V1Node = {
		metadata: { name: "gw-1", annotations: { [JOIN_ANNOTATION]: "first" } },
		status: { conditions: [{ type: "Ready", status: "True" }] },
	};
	const done = (event: string) => async () => void events.push(event);
	const { state, reset, ...cluster } = more;
	const all: LeaveActs = {
		cluster: {
			node: async () => node,
			cordon: done("cordon"),
			podsOn: async () => [],
			pod: async () => undefined,
			evict: async () => true,
			deleteNode: done("delete"),
			...cluster,
		},
		state: state ?? (async () => is("joined")),
		reset: async () => {
			events.push("reset");
			return (await reset?.()) ?? [];
		},
	};
	return { events, all };
}

async function run({ all, events }: ReturnType<typeof acts>, joinId = "first", disposable = false) {
	const lines: string[] = [];
	await leaveCluster(
		{ ...exampleRequest, disposable },
		joinId,
		(line) => lines.push(line.replace(/[\d.]+ s$/, "N s")),
		all,
	);
	return { events, lines };
}

const unreachable = () => {
	throw new ClusterUnreachable("the API server cannot be reached: no answer within 10 s");
};

describe("leave", () => {
	test("drains, resets and removes", async () => {
		expect(await run(acts())).toEqual({
			events: ["cordon", "reset", "delete"],
			lines: ["gw-1: drained in N s", "gw-1: reset in N s"],
		});
	});

	test("does not reset a disposable machine", async () => {
		expect((await run(acts(), "first", true)).events).toEqual(["cordon", "delete"]);
	});

	test("leaves a node alone that was joined again meanwhile", async () => {
		expect(await run(acts(), "before\n")).toEqual({
			events: [],
			lines: ["gw-1: was joined again meanwhile and stays as it is"],
		});
	});

	test.each([
		["the join's output is unknown", ""],
		["the node has the same id", "first\n"],
	])("removes the node if %s", async (_, joinId) => {
		expect((await run(acts(), joinId)).events).toContain("delete");
	});

	test("removes a node without the annotation", async () => {
		expect((await run(acts({ node: async () => ({}) }), "some")).events).toContain("delete");
	});

	test("resets a machine whose Node object is gone", async () => {
		expect(await run(acts({ node: async () => undefined }))).toEqual({
			events: ["reset"],
			lines: ["gw-1: reset in N s"],
		});
	});

	test("asks a cluster that does not answer only once, and names the command to run later", async () => {
		expect(await run(acts({ node: unreachable, cordon: unreachable, deleteNode: unreachable }))).toEqual({
			events: ["reset"],
			lines: [
				"warning: gw-1: looking for the Node object was not done: the API server cannot be reached: no answer within 10 s; the cluster is not asked again, run later: kubectl delete node gw-1",
				"gw-1: reset in N s",
			],
		});
	});

	test("a machine that does not answer gives a warning with the command to run later", async () => {
		const gone = async () => {
			throw new ConnectionError("cannot connect to 10.200.0.20 as root: Timed out");
		};
		expect(await run(acts({ reset: gone }))).toEqual({
			events: ["cordon", "reset", "delete"],
			lines: [
				"gw-1: drained in N s",
				"warning: gw-1: 10.200.0.20 was not reset: cannot connect to 10.200.0.20 as root: Timed out; when it is back, run: ssh 10.200.0.20 sh -s <host/reset-node.sh",
			],
		});
	});

	test.each([
		[
			"part of a control plane",
			is("control-plane", "/etc/kubernetes/pki/ca.key"),
			"it is part of a control plane (/etc/kubernetes/pki/ca.key)",
		],
		["another node", is("other-node", "ku13-1"), "it is the node ku13-1 now"],
		[
			"another cluster's node",
			is("other", "https://10.9.9.9:6443"),
			"it is a node of another cluster now, whose API server is https://10.9.9.9:6443",
		],
	])("a machine that is %s by now is not reset", async (_, state, reason) => {
		expect(await run(acts({ state: async () => state }))).toEqual({
			events: ["cordon", "delete"],
			lines: ["gw-1: drained in N s", `warning: gw-1: 10.200.0.20 was not reset: ${reason}`],
		});
	});

	test("does not wait for the pods of a dead kubelet", async () => {
		vi.useFakeTimers();
		try {
			const stuck = { metadata: { name: "web-0", namespace: "default", uid: "1" } };
			const node = async () => ({ status: { conditions: [{ type: "Ready", status: "Unknown" }] } });
			const left = run(acts({ node, podsOn: async () => [stuck], pod: async () => stuck }));
			await vi.advanceTimersByTimeAsync(7000);
			expect(await left).toEqual({
				events: ["cordon", "reset", "delete"],
				lines: [
					"warning: gw-1: draining was not done: gw-1 is not ready, so its kubelet does not end these pods, and they are not waited for: default/web-0",
					"gw-1: reset in N s",
				],
			});
		} finally {
			vi.useRealTimers();
		}
	});

	const refused = () => {
		throw new ApiException(403, "Unknown API Status Code!", JSON.stringify({ message: "forbidden" }), {});
	};

	test("a refusal of the API server fails the leave, after all other steps", async () => {
		const refusing = acts({ deleteNode: refused });
		await expect(run(refusing)).rejects.toThrow(
			/^gw-1 has not left and stays in the state:\nremoving the Node object was not done: the API server answered 403: "forbidden"; mend that/,
		);
		expect(refusing.events).toEqual(["cordon", "reset"]);
	});

	test("a user who may not read the Node object fails the leave, too, because the object would stay", async () => {
		const refusing = acts({ node: refused });
		await expect(run(refusing)).rejects.toThrow("looking for the Node object was not done");
		expect(refusing.events).toEqual(["reset"]);
	});

	test("a cluster that answers with an error does not count as gone, unless POD_GATEWAY_FORGET lists it", async () => {
		const broken = () => {
			throw new ClusterUnreachable("the API server cannot be reached: certificate has expired", { silent: false });
		};
		const broke = { node: broken, cordon: broken, deleteNode: broken };
		await expect(run(acts(broke))).rejects.toThrow("certificate has expired; mend that");
		vi.stubEnv("POD_GATEWAY_FORGET", "10.0.0.1, cluster");
		expect((await run(acts(broke))).events).toEqual(["reset"]);
		vi.unstubAllEnvs();
	});

	test.each<["refusal" | "cut" | "obstacle"]>([["refusal"], ["cut"], ["obstacle"]])(
		"a machine that is not reached because of a %s does not count as gone, unless POD_GATEWAY_FORGET lists it",
		async (kind) => {
			const shut = () => acts({ state: () => Promise.reject(new ConnectionError("no way in", { kind })) });
			const acting = shut();
			await expect(run(acting)).rejects.toThrow(
				"10.200.0.20 was not reset: no way in; mend that and run this again; to leave the machine as it is for good, set POD_GATEWAY_FORGET=10.200.0.20",
			);
			expect(acting.events).toEqual(["cordon", "delete"]);
			vi.stubEnv("POD_GATEWAY_FORGET", "10.200.0.20");
			expect((await run(shut())).lines).toContainEqual(
				expect.stringContaining("was not reset: no way in; when it is back"),
			);
			vi.unstubAllEnvs();
		},
	);

	test("a reset that fails on a machine that answers fails the leave", async () => {
		const failing = acts({ reset: () => Promise.reject(new Error("the reset failed on 10.200.0.20 (exit code 1)")) });
		await expect(run(failing)).rejects.toThrow("the reset failed on 10.200.0.20 (exit code 1); mend that");
		expect(failing.events).toEqual(["cordon", "reset", "delete"]);
	});
});
