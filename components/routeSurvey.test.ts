import { beforeEach, describe, expect, test } from "vitest";
import type { Block } from "../src/core/calico/blocks.ts";
import { poolsOf } from "../src/core/calico/pools.ts";
import { parseSurveyOutput } from "../src/core/kernel/surveyOutput.ts";
import { gatherRoutes } from "../src/core/plan/podRoutes.ts";
import { parsePrefix } from "../src/core/values/prefix.ts";
import { must } from "../tests/fixtures/arbitraries.ts";
import { reportSurvey } from "./routeSurvey.ts";

const pods = [must(parsePrefix("10.244.0.0/16"))];
let said: string[];

beforeEach(() => {
	said = [];
});

/** The routes of a gateway with this routing table, in a cluster with these pools of Calico. */
async function surveyed(routes: readonly string[], cidrs: readonly string[]) {
	const rows = routes.map((dst) => ({ dst, gateway: "10.200.0.11", dev: "eth0", protocol: "bird", flags: [] }));
	const table = must(parseSurveyOutput(`== ip -j -4 route\n${JSON.stringify(rows)}\n`));
	const { pools } = poolsOf(cidrs.map((cidr) => ({ spec: { cidr, ipipMode: "Never", vxlanMode: "Never" } })));
	const rest = { unreadable: table.unreadable, expected: [], missing: [], notes: [], owners: undefined, pools };
	const log = async (how: string, text: string) => void said.push(`${how}: ${text}`);
	const read = async () => ({ ...gatherRoutes(table.routes, pods), ...rest });
	const found = await reportSurvey(read, pods, { gateway: "gw-1", seconds: 60, maxShrink: 0.3, log });
	return found.map(({ prefix }) => prefix.text);
}

describe("Calico's pools outside of the pod ranges", () => {
	const named =
		"Calico's IP pools 192.168.0.0/16 are not in the pod ranges (10.244.0.0/16), so servers do not get routes to their pods; " +
		"to reach these pods, set pod-gateway:cluster.podRanges to all ranges from which pods get addresses";

	test("all of them: the refusal names them, and does not blame calico-node", async () => {
		await expect(surveyed(["192.168.1.0/26"], ["192.168.0.0/16"])).rejects.toThrow(named);
		expect(said).toEqual([`error: gw-1 does not have a route that servers could get: ${named}`]);
	});

	test("one of them: a warning, and the routes to the other pools", async () => {
		const found = await surveyed(["10.244.7.0/26", "172.20.7.0/26"], ["10.244.0.0/16", "172.20.0.0/16"]);
		expect(found).toEqual(["10.244.7.0/26"]);
		expect(said).toEqual([`warn: gw-1: ${named.replace("192.168.0.0/16", "172.20.0.0/16")}`]);
	});

	test("none: no warning", async () => {
		expect(await surveyed(["10.244.7.0/26"], ["10.244.0.0/16"])).toEqual(["10.244.7.0/26"]);
		expect(said).toEqual([]);
	});
});

test("a gateway that cannot be read: only the reason", async () => {
	const log = async (how: string, text: string) => void said.push(`${how}: ${text}`);
	const read = () => Promise.reject(new Error("no connection"));
	await expect(reportSurvey(read, pods, { gateway: "gw-1", seconds: 60, maxShrink: 0.3, log })).rejects.toThrow(
		"no connection",
	);
	expect(said).toEqual(["error: gw-1 was not surveyed; no server was touched: no connection"]);
});

describe("a gateway that only has a part of its routes", () => {
	const blocks: readonly Block[] = Array.from({ length: 10 }, (_, index) => ({
		prefix: must(parsePrefix(`10.244.${index}.0/26`)),
		node: "node-1",
	}));
	const found = (count: number, maxShrink: number) => {
		const prefixes = blocks.slice(0, count).map(({ prefix }) => ({ prefix, nodes: [] }));
		const rest = { rejected: [], unreadable: [], notes: [], owners: undefined, pools: [] };
		const read = async () => ({ prefixes, expected: blocks, missing: blocks.slice(count), ...rest });
		const log = async (how: string, text: string) => void said.push(`${how}: ${text}`);
		return reportSurvey(read, pods, { gateway: "gw-1", seconds: 60, maxShrink, log });
	};

	test("is refused, before any server is touched, with the setting and what to do", async () => {
		await expect(found(6, 0.3)).rejects.toThrow("set pod-gateway:routes.maxShrink to 1");
		expect(said).toEqual([
			"error: gw-1 only has a part of its routes; no server was touched: no route to 4 of 10 blocks after 60 s " +
				"(10.244.6.0/26 of node-1, 10.244.7.0/26 of node-1, 10.244.8.0/26 of node-1, 10.244.9.0/26 of node-1), but only 30 % may be missing; " +
				"check that calico-node has settled there and is connected to its peers (calicoctl node status), then run up again; " +
				"to accept the missing routes, set pod-gateway:routes.maxShrink to 1",
		]);
	});

	test.each([
		[7, 0.3],
		[1, 1],
	])("%i of 10, with maxShrink %d, are a warning", async (count, maxShrink) => {
		expect(await found(count, maxShrink)).toHaveLength(count);
		expect(said).toEqual([expect.stringMatching(/^warn: gw-1: no route to /)]);
	});
});
