import { describe, expect, test } from "vitest";
import { phasesOf, timelineTable } from "./timeline.ts";

const stack = "urn:pulumi:lab::pod-gateway::";
const vm = `${stack}pod-gateway:index:GatewayVm$command:local:Command::gw-1-vm`;
const node = `${stack}pod-gateway:index:GatewayNode$command:local:Command::gw-1-node`;
const network = (server: string) => `${stack}pod-gateway:index:PhysicalServer$command:local:Command::${server}-network`;

const begin = (timestamp: number, urn: string, op: string) => ({
	timestamp,
	resourcePreEvent: { metadata: { op, urn, type: "command:local:Command", old: null, new: null } },
});
const end = (timestamp: number, urn: string, op: string) => ({
	timestamp,
	resOutputsEvent: { metadata: { op, urn, type: "command:local:Command", old: null, new: null } },
});
const said = (timestamp: number, urn: string, message: string) => ({
	timestamp,
	diagnosticEvent: { urn, message: `${message}\n`, color: "never", severity: "info", ephemeral: true },
});

/** The text of a log with these events. It begins at second 1000. */
function log(...events: object[]): string {
	const prelude = { timestamp: 1000, preludeEvent: { config: {} } };
	return [prelude, ...events].map((event, sequence) => `${JSON.stringify({ sequence, ...event })}\n`).join("");
}

const made = (from: number, op = "create") => [
	begin(from, vm, op),
	said(from + 3, vm, "gw-1: provisioned in 3.2 s"),
	said(from + 46, vm, "gw-1: booted in 43.1 s"),
	end(from + 46, vm, op),
	begin(from + 47, node, op),
	// Each line is sent by itself, so that they may arrive in another order.
	said(from + 78, node, "gw-1: joined in 19.0 s"),
	said(from + 59, node, "gw-1: prepared in 12.3 s"),
	said(from + 78, node, "draining gw-1"),
	said(from + 78, node, "gw-1: drained in 0.2 s"),
	end(from + 78, node, op),
];
const pushed = (from: number, op = "create") => [
	begin(from, network("ps-1"), op),
	begin(from, network("ps-2"), op),
	end(from + 2, network("ps-2"), op),
	end(from + 4, network("ps-1"), op),
];
const left = (from: number) => [
	begin(from, node, "delete-replaced"),
	said(from + 1, node, "gw-1: drained in 1.0 s"),
	end(from + 8, node, "delete-replaced"),
	begin(from + 8, vm, "delete-replaced"),
	end(from + 11, vm, "delete-replaced"),
];

const short = (text: string) => phasesOf(text).map(({ name, seconds }) => `${name} ${seconds}`);
const all = ["provision 3.2", "boot 43.1", "prepare 12.3", "join 19", "drain 0.2", "converge 7", "push 4"];

describe("the phases of an up", () => {
	test("that makes everything", () => {
		const phases = phasesOf(log(...made(1010), ...pushed(1095)));
		expect(phases.map(({ name, seconds }) => `${name} ${seconds}`)).toEqual(all);
		expect(phases[1]).toEqual({ name: "boot", gateway: "gw-1", start: 56 - 43.1, seconds: 43.1 });
		expect(phases.at(-1)).toEqual({ name: "push", start: 95, seconds: 4 });
	});

	test("that replaces the gateway at its address: the old one leaves first", () => {
		const replaced = [begin(1022, vm, "replace"), end(1022, vm, "replace")];
		expect(
			short(log(...left(1010), ...replaced, ...made(1022, "create-replacement"), ...pushed(1107, "update"))),
		).toEqual(["leave 11", ...all]);
	});

	test("that replaces it side by side: the old one leaves last", () => {
		expect(short(log(...made(1010, "create-replacement"), ...pushed(1095, "update"), ...left(1100)))).toEqual([
			...all,
			"leave 11",
		]);
	});

	test("that changes nothing: the routes are read nevertheless", () => {
		const same = [begin(1005, node, "same"), end(1005, node, "same")];
		expect(short(log(...same, ...pushed(1008, "same")))).toEqual(["converge 3"]);
	});

	test("that removes a server does not push to it", () => {
		const same = [begin(1005, node, "same"), end(1005, node, "same")];
		const gone = [begin(1012, network("ps-3"), "delete"), end(1020, network("ps-3"), "delete")];
		expect(short(log(...same, ...pushed(1008, "update"), ...gone))).toEqual(["converge 3", "push 4"]);
	});

	test("with two gateways: first those of one, then those of the other", () => {
		const phases = phasesOf(log(said(1004, node, "gw-2: joined in 3.0 s"), said(1005, node, "gw-1: joined in 4.0 s")));
		expect(phases.map(({ name, gateway }) => [name, gateway])).toEqual([
			["join", "gw-1"],
			["join", "gw-2"],
		]);
	});

	test("in a log with colours, a debug message that quotes a tool, and a line cut short", () => {
		const coloured = said(1012, vm, "<{%reset%}>gw-1: booted in 2.0 s<{%reset%}>");
		const debug = { timestamp: 1013, diagnosticEvent: { message: "x,\ngw-1: booted in 2.0 s\n", severity: "debug" } };
		const text = `${log(begin(1010, vm, "create"), coloured, debug)}{"sequence":9,"times`;
		expect(short(text)).toEqual(["boot 2"]);
	});

	test("of an empty log are empty", () => expect(phasesOf("")).toEqual([]));
});

describe("the table", () => {
	test("has a line for each phase with a bar at its place, and a line for the whole", () => {
		expect(timelineTable(phasesOf(log(...made(1010), ...pushed(1095))), { width: 30 })).toBe(
			[
				"provision   3.2 s  █",
				"boot       43.1 s   ███████████████",
				"prepare    12.3 s                  ████",
				"join         19 s                      ██████",
				"drain       0.2 s                            █",
				"converge      7 s                            ███",
				"push          4 s                               █",
				"in all     89.2 s",
			].join("\n"),
		);
	});

	test("names the gateways when there are several, and colours only when asked", () => {
		const phases = phasesOf(log(said(1004, node, "gw-2: joined in 3.0 s"), said(1005, node, "gw-1: joined in 4.0 s")));
		const plain = timelineTable(phases, { width: 4 });
		expect(plain).toBe("join gw-1  4 s  ████\njoin gw-2  3 s  ███\nin all     4 s");
		const coloured = timelineTable(phases, { width: 4, colours: true });
		expect(coloured).toContain("\u001b[36m████\u001b[39m");
	});

	test("of no phases is empty", () => expect(timelineTable([])).toBe(""));
});
