import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exampleReport, exampleServer } from "./exampleReport.ts";
import { parseHistory } from "./history.ts";
import { html } from "./html.ts";
import { reportMarkdown } from "./markdown.ts";
import { page } from "./page.ts";
import { graph, picture } from "./picture.ts";
import { type SiteReport, summary } from "./site.ts";

const render = async (report: SiteReport) => page(report, await picture(report));

const servers = [
	exampleServer("db-1", "in sync"),
	exampleServer("db-2", "drift", ["- route 192.96.0.0/16 via 10.200.0.20", "+ route 192.96.0.0/16 via 10.0.0.9"]),
	exampleServer("db-3", "unknown", ["no route to host"]),
	exampleServer("db-4"),
];

test("the summary counts what there is", () => {
	expect(summary(exampleReport(servers))).toBe(
		"4 servers: 1 in sync, 1 drift, 1 unknown, 1 not looked at; gateway gw-1; 2 blocks on 2 nodes",
	);
	expect(summary(exampleReport([], { gateways: [], blocks: [] }))).toBe(
		"no servers; gateways none; 0 blocks on 0 nodes",
	);
});

describe("the page", () => {
	test("tells of every server, what differs, who deployed", async () => {
		const text = await render(exampleReport(servers, { pending: { servers: [], unchanged: 4, others: [] } }));
		for (const { name } of servers) expect(text).toContain(`<th scope="row">${name}</th>`);
		expect(text).toContain('<h3>db-2: <span class="badge drift">drift</span></h3>');
		expect(text).toContain('<span class="added">+ route 192.96.0.0/16 via 10.0.0.9</span>');
		expect(text).toContain("2026-01-31 12:00 UTC by netops@10.0.0.2");
		expect(text).toContain("A. Operator, 0123456789ab");
		expect(text).toContain("<p>Nothing.</p>");
	});

	test("tells of what would change, and of a preview that failed", async () => {
		const change = {
			server: "db-1",
			summary: "db-1: +1 route, DNS unchanged",
			lines: ["+route 10.0.0.0/26 via 10.0.0.1"],
		};
		const changing = await render(
			exampleReport(servers, { pending: { servers: [change], unchanged: 3, others: ["replace gw-1-vm"] } }),
		);
		expect(changing).toContain("<li>db-1: +1 route, DNS unchanged</li>");
		expect(changing).toContain("Gateways: replace gw-1-vm");
		expect(await render(exampleReport(servers, { pending: { problem: "no stack named <prod>" } }))).toContain(
			"no stack named &lt;prod&gt;",
		);
	});

	test.each([0, 1, 12, 13, 200])("has a place for %i servers", async (count) => {
		const many = Array.from({ length: count }, (_, index) =>
			exampleServer(`db-${index}`, index === 0 ? "drift" : "in sync"),
		);
		const report = exampleReport(many);
		expect((await render(report)).match(/<th scope="row">db-\d+<\/th>/g)?.length ?? 0).toBe(count);
		const drawn = graph(report).nodes?.filter(({ name }) => /^servers? /.test(name)).length;
		expect(drawn).toBe(count > 12 ? 2 : count);
	});

	test("draws no more than so many nodes one by one", () => {
		const drawn = (count: number) => {
			const blocks = Array.from({ length: 2 * count }, (_, index) => ({
				prefix: `10.0.${index}.0/26`,
				node: `ku-${index % count}`,
			}));
			const { nodes = [], edges = [] } = graph(exampleReport([], { blocks }));
			const ofCluster = nodes.filter(({ attributes }) => attributes?.["class"] === "node-of-cluster");
			const names = ofCluster.map(({ name }) => name);
			expect(edges.map(({ head }) => head)).toEqual([...names, "services 192.96.0.0/16"]);
			return ofCluster.map(({ attributes }) => attributes?.["label"]);
		};
		expect(drawn(12)).toHaveLength(12);
		expect(drawn(13)).toEqual(["13 nodes\n26 blocks"]);
	});

	test("the picture has a name", async () => {
		expect(await picture(exampleReport(servers))).toMatch(/^<svg role="img" aria-label="Servers, gateways[^"]+"/);
	});

	test("asks for nothing from elsewhere, and runs nothing", async () => {
		const text = (await render(exampleReport(servers))).replaceAll(/ xmlns(:\w+)?="[^"]*"/g, "");
		expect(text).not.toMatch(/https?:|<script|<link|<img|url\(|@import| on\w+=/i);
	});
});

describe("what comes from elsewhere is text", () => {
	const hostile = '<script>alert("x")</script>\\N `|`` ](x)';

	test("on the page, in the picture too", async () => {
		const report = exampleReport([exampleServer("db-1", "drift", [hostile])], {
			stack: hostile,
			blocks: [{ prefix: hostile, node: hostile }],
			gateways: [{ name: hostile, node: hostile, addresses: [hostile] }],
			services: [hostile],
			pending: { problem: hostile },
			deployments: [
				{ kind: hostile, result: hostile, start: new Date(0), author: hostile, commit: hostile, changes: hostile },
			],
		});
		expect(await render(report)).not.toContain("<script");
	});

	test("whatever it is", () => {
		fc.assert(
			fc.property(fc.string(), (text) => {
				expect(html`<p>${text}</p>`.text.slice(3, -4)).not.toMatch(/[<>"]/);
			}),
		);
	});

	test("in Markdown's tables and fences", () => {
		const report = exampleReport([
			{ ...exampleServer("db-1", "drift", ["```", "<b>"]), outcome: { dnsMethod: hostile } },
		]);
		const text = reportMarkdown(report);
		expect(text).toContain("\n````diff\n```\n<b>\n````\n");
		const row = text.split("\n").find((line) => line.startsWith("| db"));
		expect(row?.replaceAll(/\\./g, "").split("|").length).toBe(7);
		expect(row).not.toMatch(/(?<!\\)[<`[\]]/);
	});
});

test("Markdown for a pull request", () => {
	expect(
		reportMarkdown(exampleReport(servers.slice(0, 2), { pending: { servers: [], unchanged: 2, others: [] } })),
	).toBe(
		`### pod-gateway: prod

2 servers: 1 in sync, 1 drift; gateway gw-1; 2 blocks on 2 nodes. Made 2026-02-01 06:30 UTC.
Last deployment: 2026-01-31 11:59 UTC, succeeded.
An update would change 0 of 2 servers now.

| server | health | last deployed | routes | names by |
| --- | --- | --- | --- | --- |
| db\\-1 | in sync | 2026\\-01\\-31 12:00 UTC by netops@10.0.0.2 | 2 | resolved |
| db\\-2 | drift | 2026\\-01\\-31 12:00 UTC by netops@10.0.0.2 | 2 | resolved |

<details><summary>db-2: drift</summary>

\`\`\`diff
- route 192.96.0.0/16 via 10.200.0.20
+ route 192.96.0.0/16 via 10.0.0.9
\`\`\`

</details>
`,
	);
});

test("Markdown says the same difference once", () => {
	const many = Array.from({ length: 200 }, (_, index) =>
		exampleServer(`db-${index}`, "drift", ["+ route 10.0.0.0/26"]),
	);
	const text = reportMarkdown(exampleReport([...many, exampleServer("db-x", "unknown", ["no route to host"])]));
	expect(text.match(/<details>/g)).toHaveLength(2);
	expect(text.match(/\+ route/g)).toHaveLength(1);
});

test("Markdown tells of a gateway that would be replaced", () => {
	const pending = { servers: [], unchanged: 4, others: ["replace gw-1-vm"] };
	expect(reportMarkdown(exampleReport(servers, { pending })).replaceAll(/[\\`]/g, "")).toContain(
		"An update would change 0 of 4 servers now.\nGateways: replace gw-1-vm.\n",
	);
});

describe("the history", () => {
	test("as Pulumi prints it", () => {
		const update = {
			version: 2,
			kind: "update",
			startTime: "2026-01-31T11:59:00.000Z",
			message: "Route 192.244.191.0/26",
			environment: { "git.author": "A. Operator", "git.head": "0123456789abcdef0123456789abcdef01234567" },
			config: {},
			result: "succeeded",
			endTime: "2026-01-31T11:59:21.000Z",
			resourceChanges: { same: 27, update: 2, create: 0 },
		};
		const [first] = exampleReport([]).deployments;
		expect(parseHistory([update])).toEqual([first]);
	});

	test("of one that goes on, outside a repository", () => {
		const going = { version: 3, kind: "update", startTime: "2026-01-31T11:59:00.000Z", message: "", environment: {} };
		expect(parseHistory([going])).toEqual([
			{ kind: "update", result: "in-progress", start: new Date("2026-01-31T11:59:00Z"), changes: "" },
		]);
	});

	test("that is none is an error", () => {
		expect(() => parseHistory({})).toThrow("this is no history of a stack in JSON");
	});
});
