import fc from "fast-check";
import { expect, test } from "vitest";
import { drivers } from "../drivers/registry.ts";
import { parseSettings } from "./parse.ts";
import { stackFileSchema } from "./schema.ts";

const HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM3QhyXEK6CJPsQXWBsp5XRCxrARdtMnqGnWlOgk001D";
const schema = stackFileSchema(drivers);
const SECRET = "of-nobody-else";

/** Valid settings with every block. */
const good = {
	cluster: {
		kubeconfig: SECRET,
		context: "admin",
		apiServer: "https://10.200.0.10:6443",
		domain: "cluster.local",
		podRanges: ["192.244.0.0/16"],
		serviceRanges: ["192.96.0.0/16"],
		dnsAddresses: ["192.96.0.10"],
	},
	ssh: {
		user: "root",
		port: 22,
		connectTimeout: 15,
		privateKey: SECRET,
		bastion: { address: "10.200.0.3", port: 2222, user: "jump", hostKey: HOST_KEY, agent: true },
	},
	gateways: [
		{
			name: "gw-1",
			address: "10.200.0.20",
			address6: "fd00:200::20",
			hostKey: HOST_KEY,
			nodeName: "gw-1",
			taint: "pod-gateway=true:NoSchedule",
			labels: { "pod-gateway": "true" },
			drainTimeout: 60,
			masquerade: false,
			kubernetes: { source: "packages", version: "1.34", repository: "https://packages.example.org/v{minor}/deb/" },
		},
	],
	routes: { source: "live", mode: "blocks", convergeTimeout: 60, maxShrink: 0.3 },
	dns: { method: "auto", searchDomains: ["svc.cluster.local"], reverseZones: true },
	verify: {
		mode: "strict",
		names: ["web.cluster.local"],
		pods: [],
		outside: ["www.example.org"],
		rollbackAfter: 60,
	},
	servers: [
		{ name: "db-1", address: "10.200.0.31", hostKey: HOST_KEY, ssh: { user: "netops" }, dns: { method: "none" } },
	],
};

type Path = readonly (string | number)[];

function paths(value: unknown, here: Path = []): readonly Path[] {
	if (typeof value !== "object" || value === null) return [here];
	return [
		here,
		...Object.entries(value).flatMap(([key, item]) => paths(item, [...here, Array.isArray(value) ? Number(key) : key])),
	];
}

function isThere(value: unknown, [key, ...rest]: Path): boolean {
	if (key === undefined) return true;
	return (
		typeof value === "object" &&
		value !== null &&
		Object.hasOwn(value, key) &&
		isThere((value as Record<string, unknown>)[key], rest)
	);
}

function changed(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
	if (key === undefined) return to;
	if (Array.isArray(value)) return value.map((item, index) => (index === key ? changed(item, rest, to) : item));
	const own = value as Record<string, unknown>;
	return { ...own, [key]: changed(own[String(key)], rest, to) };
}

const EVIL: readonly unknown[] = [
	"",
	" ",
	"\u0000",
	"\n",
	"\u001b[31m",
	"\u202e",
	"$(reboot)",
	"`id`",
	"'",
	'"',
	"-oProxyCommand=x",
	"../../etc",
	"~",
	"0.0.0.0/0",
	"0.0.0.0/1",
	"10.0.0.1%eth0",
	"::ffff:1.2.3.4",
	"192.244.0.7",
	"192.96.0.10",
	"x".repeat(1500),
	0,
	-1,
	1e308,
	Number.NaN,
	65536,
	null,
	true,
	[],
	{},
	[[]],
	["0.0.0.0/0"],
	{ a: { b: 1 } },
	undefined,
	"__proto__",
	"constructor",
	JSON.parse('{"__proto__":{"x":1}}'),
	"ssh-rsa AAAA",
	"https://u:p@10.200.0.1/x?y#z",
];

test("for any settings, each problem names its setting, is safe to show, and does not repeat a secret", () => {
	expect(parseSettings(good, schema).ok).toBe(true);
	const everywhere = paths(good).filter((path) => path.length > 0);
	const change = fc.tuple(fc.constantFrom(...everywhere), fc.constantFrom(...EVIL));
	let [taken, refused] = [0, 0];
	fc.assert(
		fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
			let raw: unknown = good;
			for (const [path, to] of changes) {
				// The first change may have removed the parent of the second.
				if (isThere(raw, path)) raw = changed(raw, path, to);
			}
			const parsed = parseSettings(raw as Record<string, unknown>, schema);
			if (parsed.ok) {
				taken++;
				return;
			}
			refused++;
			for (const problem of parsed.problems) {
				if (!/^pod-gateway:[\w.[\]" \\/-]+: [ -~«»…]+$/.test(problem))
					throw new Error(`no place, or unsafe: ${JSON.stringify(problem)}`);
				if (problem.length > 1000) throw new Error(`a problem of ${problem.length} characters`);
				if (problem.includes(SECRET)) throw new Error(`a secret: ${problem}`);
			}
		}),
		{ numRuns: 10_000 },
	);
	expect(taken).toBeGreaterThan(100);
	expect(refused).toBeGreaterThan(5000);
});
