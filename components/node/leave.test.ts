import { ApiException, type V1Node } from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import { ClusterUnreachable } from "./cluster.ts";
import { exampleRequest } from "./exampleRequest.ts";
import { JOIN_ANNOTATION } from "./joinId.ts";
import { type LeaveActs, leave } from "./leave.ts";

/** A cluster and a machine that note what is done to them; `more` replaces what they do. */
function acts(more: Partial<LeaveActs["cluster"]> & { reset?: LeaveActs["reset"] } = {}) {
	const events: string[] = [];
	const node: V1Node = { metadata: { name: "gw-1", annotations: { [JOIN_ANNOTATION]: "first" } } };
	const done = (event: string) => async () => void events.push(event);
	const { reset, ...cluster } = more;
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
		reset: async () => {
			events.push("reset");
			return (await reset?.()) ?? [];
		},
	};
	return { events, all };
}

async function run({ all, events }: ReturnType<typeof acts>, joinId = "first", disposable = false) {
	const lines: string[] = [];
	await leave({ ...exampleRequest, disposable }, joinId, (line) => lines.push(line.replace(/[\d.]+ s$/, "N s")), all);
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

	test("does not reset a machine that is destroyed anyway", async () => {
		expect((await run(acts(), "first", true)).events).toEqual(["cordon", "delete"]);
	});

	test("leaves a node alone that was joined again since", async () => {
		expect(await run(acts(), "before\n")).toEqual({
			events: [],
			lines: ["gw-1: was joined again since and stays as it is"],
		});
	});

	test.each([
		["its output is unknown", ""],
		["the node bears the very id", "first\n"],
	])("takes the node away when %s", async (_, joinId) => {
		expect((await run(acts(), joinId)).events).toContain("delete");
	});

	test("takes an unmarked node away", async () => {
		expect((await run(acts({ node: async () => ({}) }), "some")).events).toContain("delete");
	});

	test("resets a machine whose Node object is gone", async () => {
		expect(await run(acts({ node: async () => undefined }))).toEqual({
			events: ["reset"],
			lines: ["gw-1: reset in N s"],
		});
	});

	test("asks a cluster that is gone once, and says what to run later", async () => {
		expect(await run(acts({ node: unreachable, cordon: unreachable, deleteNode: unreachable }))).toEqual({
			events: ["reset"],
			lines: [
				"warning: gw-1: looking for the Node object was not done: the API server cannot be reached: no answer within 10 s; the cluster is not asked again, run later: kubectl delete node gw-1",
				"gw-1: reset in N s",
			],
		});
	});

	test("a machine that is gone is said, with what to run on it", async () => {
		const gone = async () => {
			throw new Error("cannot connect to 10.200.0.20 as root: Timed out");
		};
		expect(await run(acts({ reset: gone }))).toEqual({
			events: ["cordon", "reset", "delete"],
			lines: [
				"gw-1: drained in N s",
				"warning: gw-1: 10.200.0.20 was not reset: cannot connect to 10.200.0.20 as root: Timed out; once it is there: ssh 10.200.0.20 sh -s <components/host/reset-node.sh",
			],
		});
	});

	test("what the API server refuses is a warning", async () => {
		const refused = () => {
			throw new ApiException(403, "Unknown API Status Code!", JSON.stringify({ message: "forbidden" }), {});
		};
		expect(await run(acts({ deleteNode: refused }))).toEqual({
			events: ["cordon", "reset"],
			lines: [
				"gw-1: drained in N s",
				"gw-1: reset in N s",
				'warning: gw-1: removing the Node object was not done: the API server answered 403: "forbidden"',
				"warning: gw-1: run later: kubectl delete node gw-1",
			],
		});
	});
});
