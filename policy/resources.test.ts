import { describe, expect, test } from "vitest";
import { serverOf } from "../src/stack/resources.ts";
import { connectionsOf, formerServers, planOf, stackOf } from "./resources.ts";

const urn = "urn:pulumi:prod::pod-gateway::pod-gateway:index:PhysicalServer$command:local:Command::db-1-network";
const type = "command:local:Command";

test("a URN gives the stack, and the server to which a resource applies the desired state", () => {
	expect(stackOf(urn)).toBe("prod");
	expect(stackOf(urn, "organization")).toBe("prod");
	expect(stackOf(urn, "")).toBe("prod");
	expect(stackOf(urn, "acme")).toBe("acme/pod-gateway/prod");
	expect(() => stackOf("db-1")).toThrow("db-1 is not a resource's URN");
	expect(serverOf(urn)).toBe("db-1");
	expect(serverOf(urn.replace("local", "remote"))).toBe("db-1");
	expect(serverOf(urn.replace("-network", "-restore"))).toBeUndefined();
	expect(serverOf(urn.replace("pod-gateway:index:PhysicalServer$", ""))).toBeUndefined();
});

test("an unreadable plan is an error, and does not count as an empty one", () => {
	const stdin = "pod-gateway 1\nstack prod\nserver db-1\ndns-method none\nverify off\nrollback-after 60\n";
	expect(planOf({ urn, type, props: { stdin } })).toMatchObject({ server: "db-1", routes: [] });
	expect(planOf({ urn: "urn:pulumi:prod::x::y::z", type, props: {} })).toBeUndefined();
	expect(() => planOf({ urn, type, props: {} })).toThrow("the desired state of db-1 cannot be parsed");
});

test("the state gives the servers with their addresses, without those that are being deleted", () => {
	const resources = [
		{ urn: "urn:pulumi:prod::pod-gateway::pulumi:pulumi:Stack::pod-gateway-prod", type: "pulumi:pulumi:Stack" },
		{ urn, type, replacementTrigger: "10.0.0.1", delete: false },
		{ urn, type, replacementTrigger: "10.0.0.9", delete: true },
		{ urn: urn.replace("db-1", "db-2"), type },
		{ urn: urn.replace("db-1", "db-3"), type, delete: true },
	];
	expect([...formerServers({ deployment: { resources } })]).toEqual([
		["db-1", "10.0.0.1"],
		["db-2", undefined],
	]);
	expect([...formerServers({ deployment: {} })]).toEqual([]);
	expect(() => formerServers({})).toThrow("not a stack state");
});

describe("connections", () => {
	const machine = { host: "10.0.0.1", hostKey: "k" };
	const local = (stdin: unknown) => connectionsOf({ urn, type: "command:local:Command", props: { stdin } });

	test("of a remote resource, even if it is missing", () => {
		expect(connectionsOf({ urn, type: "command:remote:Command", props: { connection: machine } })).toEqual([machine]);
		expect(connectionsOf({ urn, type: "command:remote:CopyToRemote", props: {} })).toEqual([{}]);
	});

	test("in a tool's environment", () => {
		const props = { stdin: "pod-gateway 1\n", environment: { POD_GATEWAY_TARGET: JSON.stringify(machine) } };
		expect(connectionsOf({ urn, type, props })).toEqual([machine]);
	});

	test("on a tool's standard input", () => {
		expect(local(JSON.stringify(machine))).toEqual([machine]);
		expect(local(JSON.stringify({ machine, hypervisor: { host: "hv" } }))).toEqual([machine, { host: "hv" }]);
	});

	test.each([undefined, "", "a line", "3", "null", '{"node":{"name":"x"}}'])("%j does not hold one", (stdin) => {
		expect(local(stdin)).toEqual([]);
	});

	test("other resources do not have any", () => {
		expect(connectionsOf({ urn, type: "kubernetes:core/v1:Service", props: { connection: {} } })).toEqual([]);
	});
});
