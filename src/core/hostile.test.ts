import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { must } from "../../tests/fixtures/arbitraries.ts";
import { stateWith } from "../../tests/fixtures/desiredLines.ts";
import { expectedBlocks } from "./calico/blocks.ts";
import { parseSurveyOutput } from "./kernel/surveyOutput.ts";
import { parseLock } from "./plan/lock.ts";
import { planSite } from "./plan/plan.ts";
import { gatherRoutes } from "./plan/podRoutes.ts";
import { DNS_METHODS, type PlannedServer, ROUTE_MODES, type Site, VERIFY_MODES } from "./plan/site.ts";
import { type Address, addressOf, numberOf, parseAddress } from "./values/address.ts";
import { addressesOf } from "./values/machine.ts";
import { contains, covers, type Prefix, prefixAround } from "./values/prefix.ts";
import { parseDryRun } from "./wire/dryRun.ts";
import { parseOutcome } from "./wire/outcome.ts";
import { parseDesired } from "./wire/parseDesired.ts";
import { renderDesired } from "./wire/renderDesired.ts";

/** Cases of each property. They are cheap: made of ready parts, and checked without a matcher for each. */
const CASES = { numRuns: 10_000 };

/** Prefixes that contain each other, touch or lie apart, and the addresses at their ends: the cases that guards decide. */
const PREFIXES: readonly Prefix[] = ["10.0.0.0", "10.96.0.0", "10.244.0.0", "192.244.32.0", "fd00:244::", "2001:db8::"]
	.map((text) => must(parseAddress(text)))
	.flatMap((address) =>
		(address.family === 4 ? [0, 1, 7, 8, 12, 16, 24, 26, 32] : [0, 1, 7, 8, 48, 56, 64, 122, 128]).map((length) =>
			prefixAround(address, length),
		),
	);
const ADDRESSES: readonly Address[] = PREFIXES.flatMap(({ family, first, last }) => {
	const [from, to] = [BigInt(`0x${first}`), BigInt(`0x${last}`)];
	return [from, to, (from + to) / 2n].map((value) => addressOf(family, value));
}).filter((address) => address.family === 4 || numberOf(address) >> 32n !== 0xffffn);
const prefix = fc.constantFrom(...PREFIXES);
const address = fc.constantFrom(...ADDRESSES);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** Texts that an attacker would put in place of a word. */
const EVIL = [
	"$(reboot)",
	"`reboot`",
	";reboot",
	"&&",
	"'",
	'"',
	"\\",
	"*",
	"~root",
	"<x",
	">x",
	"%n",
	"$IFS",
	"-",
	"--",
	"#",
	"\u0000",
	"\u0001",
	"\u001b[31m",
	"\u202e",
	"\n",
	"\r",
	"\t",
	" ",
	"",
	"0.0.0.0/1",
	"128.0.0.0/1",
	"0.0.0.0/0",
	"default",
	"::/0",
	"::ffff:10.0.0.1",
	"10.0.0.1%eth0",
	"1e9",
	"NaN",
	"__proto__",
	"constructor",
	"x".repeat(1500),
	"9".repeat(400),
	"\ud800",
	"null",
	"[]",
	"{}",
];
const evil = fc.constantFrom(...EVIL);
const word = fc.oneof(
	evil,
	prefix.map(({ text }) => text),
	address.map(({ text }) => text),
	fc.constantFrom("via", "eth0", "bird"),
);

function isSafe(texts: readonly string[]): void {
	for (const text of texts) {
		if (!/^[ -~«»…]*$/.test(text)) throw new Error(`a text that is not safe to show: ${JSON.stringify(text)}`);
		if (text.length > 1000) throw new Error(`a text of ${text.length} characters`);
	}
}
function insist(holds: boolean, what: string): void {
	if (!holds) throw new Error(what);
}

describe("whatever a gateway answers", () => {
	const pods = PREFIXES.filter(({ text }) => text === "10.244.0.0/16" || text === "fd00:244::/56");
	const nearly = <T>(good: fc.Arbitrary<T>) =>
		fc.oneof<[{ weight: number; arbitrary: fc.Arbitrary<T> }, fc.Arbitrary<string>]>(
			{ weight: 9, arbitrary: good },
			word,
		);
	const row = fc.record(
		{
			dst: nearly(
				fc.oneof(
					fc.constantFrom("10.244.0.0/24", "10.244.7.5", "fd00:244::/64"),
					prefix.map(({ text }) => text),
				),
			),
			gateway: nearly(address.map(({ text }) => text)),
			type: nearly(fc.constant("unicast")),
			flags: nearly(fc.constantFrom([], ["dead"], ["onlink"])),
			protocol: nearly(fc.constant("bird")),
			metric: nearly(fc.integer()),
		},
		{ requiredKeys: ["dst", "gateway"] },
	);
	const json = fc
		.array(fc.oneof({ weight: 9, arbitrary: row }, word), { maxLength: 3 })
		.map((rows) => JSON.stringify(rows));
	const line = fc.array(word, { maxLength: 8 }).map((words) => words.join(" "));
	const section = fc.tuple(
		fc.constantFrom("== ip -j -4 route", "== ip -j -4 route", "== ip -j -6 route", "== route -n", "== reboot", ""),
		fc.oneof({ weight: 3, arbitrary: json }, line),
		fc.constantFrom("", "\n", "\n\n", "\u0000"),
	);
	const output = fc
		.tuple(fc.array(section, { maxLength: 3 }), fc.integer({ min: 0, max: 400 }), fc.boolean())
		.map(([sections, cut, whole]) => {
			const text = sections.map(([head, body, end]) => `${head}\n${body}${end}`).join("\n");
			return whole ? text : text.slice(0, cut);
		});

	test("only routes to parts of a pod range with a next hop are kept, and every text is safe to show", () => {
		let kept = 0;
		fc.assert(
			fc.property(output, (text) => {
				const table = parseSurveyOutput(text);
				if (!table.ok) return isSafe(table.problems);
				isSafe(table.value.unreadable);
				for (const { prefix, nodes } of gatherRoutes(table.value.routes, pods).prefixes) {
					kept++;
					insist(
						pods.some((range) => contains(range, prefix) && !contains(prefix, range)),
						prefix.text,
					);
					insist(nodes.length > 0 && nodes.every(({ text }) => /^[0-9a-f:.]+$/.test(text)), "a next hop");
				}
			}),
			CASES,
		);
		expect(kept).toBeGreaterThan(100);
	});

	test("halves of the internet do not count as routes to pods", () => {
		const rows = ["0.0.0.0/1", "128.0.0.0/1"].map((dst) => ({ dst, gateway: "10.0.0.66" }));
		const { prefixes } = gatherRoutes(
			must(parseSurveyOutput(`== ip -j -4 route\n${JSON.stringify(rows)}\n`)).routes,
			pods,
		);
		expect(prefixes).toEqual([]);
	});
});

describe("whatever the cluster's records of blocks are", () => {
	const record = fc.oneof(
		fc.record({
			metadata: fc.record({ name: evil }),
			spec: fc.record({ cidr: word, node: word, state: fc.constantFrom("confirmed", "pending"), deleted: evil }),
		}),
		fc.record({
			metadata: fc.record({ name: word }),
			status: fc.record({ conditions: fc.array(evil, { maxLength: 1 }) }),
		}),
		fc.record({ spec: fc.record({ cidr: word, ipipMode: evil, disabled: evil }) }),
		evil,
		fc.constant(null),
	);
	const records = fc.array(record, { maxLength: 3 });

	test("only blocks inside the pod ranges are expected, and every note is safe to show", () => {
		const ranges = PREFIXES.filter(({ text }) => text === "10.244.0.0/16");
		fc.assert(
			fc.property(records, records, records, (affinities, pools, nodes) => {
				const { blocks, notes } = expectedBlocks({ affinities, pools, nodes }, ranges, ["gw-1"]);
				isSafe(notes);
				for (const { prefix } of blocks)
					insist(
						ranges.some((range) => contains(range, prefix)),
						prefix.text,
					);
			}),
			CASES,
		);
	});
});

describe("whatever is planned", () => {
	const one = (text: string) => PREFIXES.filter((prefix) => prefix.text === text);
	const site: fc.Arbitrary<Site> = fc.record({
		gateways: fc.array(fc.record({ name: fc.constant("gw-1"), address, address6: maybe(address) }), {
			minLength: 1,
			maxLength: 2,
		}),
		ranges: fc.oneof(
			{ weight: 3, arbitrary: fc.constant({ pods: one("10.244.0.0/16"), services: one("10.96.0.0/12") }) },
			fc.record({ pods: fc.array(prefix, { maxLength: 2 }), services: fc.array(prefix, { maxLength: 2 }) }),
		),
		mode: fc.constantFrom(...ROUTE_MODES),
		maxShrink: fc.constantFrom(0, 0.29, 1),
		gathered: fc
			.oneof(
				{ weight: 3, arbitrary: fc.constantFrom(one("10.244.0.0/24"), one("10.244.0.0/26"), one("10.244.0.0/32")) },
				fc.array(prefix, { maxLength: 2 }),
			)
			.map((prefixes) => prefixes.map((prefix) => ({ prefix }))),
		dns: fc.record({
			addresses: fc.oneof(
				{ weight: 3, arbitrary: fc.constant([must(parseAddress("10.96.0.10"))]) },
				fc.array(address, { maxLength: 1 }),
			),
			domain: fc.oneof({ weight: 9, arbitrary: fc.constant("cluster.local") }, evil),
			searchDomains: fc.oneof({ weight: 9, arbitrary: fc.constantFrom([], ["svc.cluster.local"]) }, fc.array(evil)),
			reverseZones: fc.boolean(),
		}),
		verify: fc.record({
			names: fc.oneof({ weight: 9, arbitrary: fc.constantFrom([], ["web.cluster.local"]) }, fc.array(evil)),
			pods: fc.constantFrom([], ["db.cluster.local"]),
			outside: fc.constantFrom([], ["www.example.org"]),
			rollbackAfter: fc.integer({ min: 20, max: 120 }),
		}),
		stack: fc.oneof({ weight: 9, arbitrary: fc.constantFrom("lab", "org/project/prod") }, evil),
		operator: maybe(address),
		apiServer: maybe(address),
		kept: fc.array(
			address.map((one) => ({ address: one, setting: "pod-gateway:ssh.bastion.address" })),
			{ maxLength: 2 },
		),
	});
	const server: fc.Arbitrary<PlannedServer> = fc.record({
		name: fc.oneof({ weight: 9, arbitrary: fc.constant("ps-1") }, evil),
		address,
		address6: maybe(address.filter(({ family }) => family === 6)),
		dns: fc.record({ method: fc.constantFrom(...DNS_METHODS) }),
		verify: fc.record({ mode: fc.constantFrom(...VERIFY_MODES) }),
	});

	test("no plan that passes cuts a machine off, and its text reads back as the plan", () => {
		let passed = 0;
		fc.assert(
			fc.property(site, server, (one, own) => {
				const plans = planSite(one, [own]);
				if (!plans.ok) return isSafe(plans.problems);
				const reached = [...one.gateways, own].flatMap((machine) => addressesOf(machine));
				const others = [...(one.kept ?? []).map(({ address }) => address), one.operator, one.apiServer];
				for (const plan of plans.value) {
					passed++;
					for (const { prefix, via } of plan.routes) {
						insist(prefix.length > 0, "a default route");
						insist(
							[...one.ranges.pods, ...one.ranges.services].some((range) => contains(range, prefix)),
							prefix.text,
						);
						for (const kept of [...reached, ...others])
							insist(!kept || !covers(prefix, kept), `${prefix.text} ${kept?.text}`);
						insist(via.length > 0 && via.every(({ family }) => family === prefix.family), "next hops");
					}
					const text = renderDesired(plan);
					insist(/^([!-~]+( [!-~]+)+\n)+$/.test(text), text);
					const back = parseDesired(text);
					insist(back.ok && renderDesired(back.value) === text, text);
				}
			}),
			CASES,
		);
		expect(passed).toBeGreaterThan(50);
	});
});

describe("whatever a server answers", () => {
	const good = stateWith("route 192.244.32.0/26 via 10.200.0.20");
	const mutated = (text: string) =>
		fc
			.tuple(fc.integer({ min: 0, max: text.length }), fc.integer({ min: 0, max: 12 }), fc.oneof(evil, word))
			.map(([at, cut, inserted]) => text.slice(0, at) + inserted + text.slice(at + cut));

	test("a desired state that is read equals the text of its plan, and a refusal is safe to show", () => {
		fc.assert(
			fc.property(mutated(good), (text) => {
				const plan = parseDesired(text);
				if (!plan.ok) return isSafe(plan.problems);
				insist(/^([!-~]+( [!-~]+)+\n)+$/.test(renderDesired(plan.value)), text);
			}),
			CASES,
		);
	});

	test("its last line is read as a known result, or ignored", () => {
		const reply = `a line\n{"result":"unchanged","dnsMethod":"resolved","inForceAt":"","record":{"at":"2026-01-31T12:00:00Z"}}\n`;
		fc.assert(
			fc.property(mutated(reply), (text) => {
				const { dnsMethod } = parseOutcome(text);
				insist(typeof dnsMethod === "string", text);
				const dryRun = parseDryRun(text);
				if (!dryRun.ok) isSafe(dryRun.problems);
			}),
			CASES,
		);
	});

	test("a lock file that is read has only prefixes and nodes, and a refusal is safe to show", () => {
		const lock = `{ "cluster": { "podRanges": ["192.244.0.0/16"], "serviceRanges": ["192.96.0.0/16"], "dnsAddresses": ["192.96.0.10"], "domain": "cluster.local", "endpoint": "10.200.0.10:6443", "caCertHashes": [], "kubernetesVersion": "1.34" }, "routes": [{ "prefix": "192.244.32.0/26", "family": 4, "node": "ku13-2" }] }`;
		fc.assert(
			fc.property(mutated(lock), (text) => {
				const read = parseLock(text);
				if (!read.ok) return isSafe(read.problems);
				for (const { prefix, node } of read.value.routes)
					insist(/^[0-9a-f.:/]+$/.test(prefix.text) && /^[\w.:, -]+$/.test(node), text);
			}),
			CASES,
		);
	});
});
