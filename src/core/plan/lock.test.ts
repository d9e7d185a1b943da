import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyPrefix, must } from "../../../tests/fixtures/arbitraries.ts";
import { parseAddress } from "../values/address.ts";
import { parsePrefix } from "../values/prefix.ts";
import { clusterDifferences, type Lock, lockDifferences, parseLock, renderLock } from "./lock.ts";
import type { PodRoute } from "./podRoutes.ts";

const prefix = (text: string) => must(parsePrefix(text));
const route = (text: string, node: string): PodRoute => ({ prefix: prefix(text), node });

const cluster: Lock["cluster"] = {
	podRanges: [prefix("192.244.0.0/16")],
	serviceRanges: [prefix("192.96.0.0/16")],
	dnsAddresses: [must(parseAddress("192.96.0.10"))],
	domain: "cluster.local",
	endpoint: "10.200.0.10:6443",
	caCertHashes: [`sha256:${"0".repeat(64)}`],
	kubernetesVersion: "1.34",
};

describe("the lock file", () => {
	test("has a line per route, in order, each once", () => {
		const text = renderLock({
			cluster,
			routes: [
				route("192.244.190.128/26", "ku13-1"),
				route("192.244.32.0/26", "ku13-2"),
				route("192.244.32.0/26", "ku13-2"),
			],
		});
		expect(text).toMatchInlineSnapshot(`
			"{
				"cluster": {
					"podRanges": ["192.244.0.0/16"],
					"serviceRanges": ["192.96.0.0/16"],
					"dnsAddresses": ["192.96.0.10"],
					"domain": "cluster.local",
					"endpoint": "10.200.0.10:6443",
					"caCertHashes": ["sha256:0000000000000000000000000000000000000000000000000000000000000000"],
					"kubernetesVersion": "1.34"
				},
				"routes": [
					{ "prefix": "192.244.32.0/26", "family": 4, "node": "ku13-2" },
					{ "prefix": "192.244.190.128/26", "family": 4, "node": "ku13-1" }
				]
			}
			"
		`);
		expect(must(parseLock(text)).routes.map(({ prefix, node }) => `${prefix.text} of ${node}`)).toEqual([
			"192.244.32.0/26 of ku13-2",
			"192.244.190.128/26 of ku13-1",
		]);
	});

	test("stays the same when it is read and written again, whatever the routes are", () => {
		const nodes = fc.constantFrom("ku13-1", "node.example.org", "10.0.0.1, 10.0.0.2");
		const routes = fc.array(fc.record({ prefix: anyPrefix, node: nodes }));
		fc.assert(
			fc.property(routes, (routes) => {
				const text = renderLock({ cluster, routes });
				const lock = must(parseLock(text));
				expect(renderLock(lock)).toBe(text);
				expect(lockDifferences(lock.routes, lock.routes)).toEqual([]);
			}),
		);
	});

	test.each<[string, (file: ReturnType<typeof parsed>) => unknown, RegExp]>([
		["a broken prefix", (file) => ({ ...file, routes: [{ prefix: "x", family: 4, node: "a" }] }), /"x"/],
		[
			"another family",
			(file) => ({ ...file, routes: [{ prefix: "10.0.0.0/8", family: 6, node: "a" }] }),
			/not of family 6/,
		],
		["an unknown key", (file) => ({ ...file, more: 1 }), /more/],
		["no routes", ({ cluster }) => ({ cluster }), /routes/],
		[
			"a command for a node",
			(file) => ({ ...file, routes: [{ prefix: "10.0.0.0/8", family: 4, node: "$(reboot)" }] }),
			/routes\.0\.node/,
		],
		["a broken endpoint", (file) => ({ ...file, cluster: { ...file.cluster, endpoint: "x" } }), /cluster\.endpoint/],
	])("with %s is refused, and the problem names the key or value", (_, change, problem) => {
		const lock = parseLock(JSON.stringify(change(parsed())));
		expect(lock.ok).toBe(false);
		if (!lock.ok) expect(lock.problems.join("\n")).toMatch(problem);
	});

	test("that is not JSON is refused", () => {
		expect(parseLock("{")).toMatchObject({ ok: false, problems: [expect.stringContaining("not JSON")] });
	});
});

function parsed(): { cluster: object; routes: unknown[] } {
	return JSON.parse(renderLock({ cluster, routes: [] }));
}

test("differences list routes that are only live or only locked, and a block with another owner, in order", () => {
	const locked = [
		route("192.244.32.0/26", "ku13-2"),
		route("192.244.6.192/26", "ku13-3"),
		route("192.244.7.0/26", "ku13-3"),
	];
	const live = [
		route("192.244.7.0/26", "ku13-4"),
		route("192.244.32.0/26", "ku13-2"),
		route("192.244.190.128/26", "ku13-1"),
	];
	expect(lockDifferences(locked, live)).toEqual([
		"- 192.244.6.192/26 of ku13-3",
		"- 192.244.7.0/26 of ku13-3",
		"+ 192.244.7.0/26 of ku13-4",
		"+ 192.244.190.128/26 of ku13-1",
	]);
});

test("each difference of the cluster is a line as locked and a line as live", () => {
	expect(clusterDifferences(cluster, cluster)).toEqual([]);
	const live = { ...cluster, dnsAddresses: [must(parseAddress("192.96.0.11"))], kubernetesVersion: "1.35" };
	expect(clusterDifferences(cluster, live)).toEqual([
		'- "dnsAddresses": ["192.96.0.10"]',
		'+ "dnsAddresses": ["192.96.0.11"]',
		'- "kubernetesVersion": "1.34"',
		'+ "kubernetesVersion": "1.35"',
	]);
});
