import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exampleReport, exampleServer } from "../../tests/fixtures/report.ts";
import { parseHistory } from "./history.ts";
import { html } from "./html.ts";
import { reportMarkdown } from "./markdown.ts";
import { page } from "./page.ts";
import { graph, picture } from "./picture.ts";
import { plainText } from "./plainText.ts";
import { type SiteReport, summary } from "./site.ts";

const render = async (report: SiteReport) => page(report, await picture(report));

const servers = [
	exampleServer("db-1", "in sync"),
	exampleServer("db-2", "drift", ["- route 192.96.0.0/16 via 10.200.0.20", "+ route 192.96.0.0/16 via 10.0.0.9"]),
	exampleServer("db-3", "unknown", ["no route to host"]),
	exampleServer("db-4"),
];

test("the summary counts servers, gateways, blocks and nodes", () => {
	expect(summary(exampleReport(servers))).toBe(
		"4 servers: 1 in sync, 1 drift, 1 unknown, 1 not looked at; gateway gw-1; 2 blocks on 2 nodes",
	);
	expect(summary(exampleReport([], { gateways: [], blocks: [] }))).toBe(
		"no servers; gateways none; 0 blocks on 0 nodes",
	);
});

describe("the page", () => {
	test("shows every server, its differences, and who deployed", async () => {
		const text = await render(exampleReport(servers, { pending: { servers: [], unchanged: 4, others: [] } }));
		for (const { name } of servers) expect(text).toContain(`<th scope="row">${name}</th>`);
		expect(text).toContain('<h3>db-2: <span class="badge drift">drift</span></h3>');
		expect(text).toContain('<span class="added">+ route 192.96.0.0/16 via 10.0.0.9</span>');
		expect(text).toContain("2026-01-31 12:00 UTC by netops@10.0.0.2");
		expect(text).toContain("A. Operator, 0123456789ab");
		expect(text).toContain("<p>Nothing.</p>");
	});

	test("shows the changes of a preview, and a failed preview", async () => {
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

	test.each([0, 1, 12, 13, 200])("shows %i servers", async (count) => {
		const many = Array.from({ length: count }, (_, index) =>
			exampleServer(`db-${index}`, index === 0 ? "drift" : "in sync"),
		);
		const report = exampleReport(many);
		expect((await render(report)).match(/<th scope="row">db-\d+<\/th>/g)?.length ?? 0).toBe(count);
		const drawn = graph(report).nodes?.filter(({ name }) => /^servers? /.test(name)).length;
		expect(drawn).toBe(count > 12 ? 2 : count);
	});

	test("draws at most 12 nodes one by one", () => {
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

	test("does not load other files or run scripts", async () => {
		const text = (await render(exampleReport(servers))).replaceAll(/ xmlns(:\w+)?="[^"]*"/g, "");
		expect(text).not.toMatch(/https?:|<script|<link|<img|url\(|@import| on\w+=/i);
	});
});

describe("foreign text stays text", () => {
	const hostile =
		"--></style><script>alert('x')</script>\"><img src=x> \\N @team `|`` \\| ](x) &lt;\u001b[1m\ud800\u202e\r\n# x\u0000";

	/** A report with this text wherever a machine or the state gives one. */
	const everywhere = (text: string) =>
		exampleReport(
			(["in sync", "drift", "unknown", undefined] as const).map((state, index) => {
				const server = exampleServer("db-1", state, [text, `+ ${text}`]);
				const record = server.finding?.record && { ...server.finding.record, by: text };
				const dns = { ...server.plan.dns, searchDomains: [text], domain: text, reverseZones: [text] };
				return {
					...server,
					name: `${text}${index}`,
					plan: { ...server.plan, dns },
					outcome: { dnsMethod: text },
					finding: server.finding && record && { ...server.finding, record },
				};
			}),
			{
				stack: text,
				blocks: [{ prefix: text, node: text }],
				gateways: [{ name: text, node: text, addresses: [text] }],
				services: [text],
				pending: {
					servers: [{ server: text, summary: text, lines: [text, `- ${text}`] }],
					unchanged: 1,
					others: [text],
				},
				deployments: [{ kind: text, result: text, start: new Date(0), author: text, commit: text, changes: text }],
			},
		);
	/** A page's elements and the names of their attributes, without the picture's texts: a label has one per line. */
	const structure = (text: string) =>
		(text.match(/<[a-z!/][^>]*>/gi) ?? [])
			.map((tag) => (tag.startsWith("<!--") ? "comment" : tag.replaceAll(/="[^"]*"/g, "")))
			.filter((tag) => !/^<\/?text/.test(tag));

	test("on the page and in the picture", async () => {
		const [attacked, harmless] = await Promise.all([hostile, "text"].map((text) => render(everywhere(text))));
		expect(structure(attacked ?? "")).toEqual(structure(harmless ?? ""));
		expect(attacked).not.toMatch(/(?!\n|\t)[\p{Cc}\p{Cs}\p{Bidi_Control}]/u);
	});

	test("from a failed preview", async () => {
		const attacked = await render({ ...everywhere("text"), pending: { problem: hostile } });
		const harmless = await render({ ...everywhere("text"), pending: { problem: "text" } });
		expect(structure(attacked)).toEqual(structure(harmless));
	});

	test("in a template, for any text", () => {
		fc.assert(
			fc.property(fc.string({ unit: "binary" }), (text) => {
				expect(html`<p>${text}</p>`.text.slice(3, -4)).not.toMatch(/[<>"]/);
			}),
		);
	});

	test("in Markdown: backticks do not end the code", () => {
		const text = reportMarkdown(everywhere(hostile));
		// The text without code spans and without parts that are escaped as HTML.
		const outside = text
			.replaceAll(/^(`{3,})diff\n.*?\n\1$/gms, "")
			.replaceAll(/(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)/g, "")
			.replaceAll(/<details><summary><code>[^<>]*<\/code>: (drift|unknown)<\/summary>|<\/details>/g, "");
		expect(outside).not.toMatch(/[<>@`[\]]|script|^# /m);
		const rows = text.split("\n").filter((line) => /^\| `/.test(line));
		expect(rows.map((row) => row.split("|").length)).toEqual([7, 7, 7, 7]);
	});

	test("in a fence that is longer than any fence in it", () => {
		const text = reportMarkdown(exampleReport([exampleServer("db-1", "drift", ["```", "<b>"])]));
		expect(text).toContain("\n````diff\n```\n<b>\n````\n");
	});
});

test.each([
	["a\u001b[31mred\u001b[0m", "ared"],
	["one\r\ntwo\tthree", "one\ntwo\tthree"],
	["nul\u0000 half\ud83d reversed\u202e", "nul\ufffd half\ufffd reversed\ufffd"],
	["größer 😀", "größer 😀"],
])("%j is shown as %j", (text, shown) => {
	expect(plainText(text)).toBe(shown);
});

test("Markdown for a pull request", () => {
	expect(
		reportMarkdown(exampleReport(servers.slice(0, 2), { pending: { servers: [], unchanged: 2, others: [] } })),
	).toBe(
		`### pod-gateway: \`prod\`

2 servers: 1 in sync, 1 drift; gateway \`gw-1\`; 2 blocks on 2 nodes. Made 2026-02-01 06:30 UTC.
Last deployment: 2026-01-31 11:59 UTC, \`succeeded\`.
An update would change 0 of 2 servers now.

| server | health | last deployed | routes | names by |
| --- | --- | --- | --- | --- |
| \`db-1\` | in sync | \`2026-01-31 12:00 UTC by netops@10.0.0.2\` | 2 | \`resolved\` |
| \`db-2\` | drift | \`2026-01-31 12:00 UTC by netops@10.0.0.2\` | 2 | \`resolved\` |

<details><summary><code>db-2</code>: drift</summary>

\`\`\`diff
- route 192.96.0.0/16 via 10.200.0.20
+ route 192.96.0.0/16 via 10.0.0.9
\`\`\`

</details>
`,
	);
});

test("Markdown shows a shared difference once", () => {
	const many = Array.from({ length: 200 }, (_, index) =>
		exampleServer(`db-${index}`, "drift", ["+ route 10.0.0.0/26"]),
	);
	const text = reportMarkdown(exampleReport([...many, exampleServer("db-x", "unknown", ["no route to host"])]));
	expect(text.match(/<details>/g)).toHaveLength(2);
	expect(text.match(/\+ route/g)).toHaveLength(1);
});

test("Markdown names a gateway that would be replaced", () => {
	const pending = { servers: [], unchanged: 4, others: ["replace gw-1-vm"] };
	expect(reportMarkdown(exampleReport(servers, { pending })).replaceAll(/[\\`]/g, "")).toContain(
		"An update would change 0 of 4 servers now.\nGateways: replace gw-1-vm.\n",
	);
});

describe("the history", () => {
	/** Recorded from Pulumi 3.259.0 with a state in files. */
	const recorded = {
		version: 0,
		kind: "update",
		startTime: "2026-11-23T06:20:33.000Z",
		message: "Tiny stack",
		environment: {
			"exec.kind": "cli",
			"git.author": "A. Operator",
			"git.author.email": "operator@example.com",
			"git.committer": "C. Committer",
			"git.committer.email": "operator@example.com",
			"git.dirty": "true",
			"git.head": "6ca8efd57aaa5780163e67a354a55020b0b06aa0",
			"git.headName": "refs/heads/master",
			"pulumi.version": "v3.259.0",
			"stack.environments": "[]",
			updatePlan: "false",
		},
		config: {},
		result: "succeeded",
		endTime: "2026-11-23T06:20:34.000Z",
		resourceChanges: { create: 1, same: 2 },
	};
	const read = {
		kind: "update",
		result: "succeeded",
		start: new Date("2026-11-23T06:20:33Z"),
		seconds: 1,
		author: "A. Operator, committed by C. Committer",
		commit: "6ca8efd57aaa",
		changes: "1 create",
	};

	test("is read from Pulumi's output", () => {
		expect(parseHistory([recorded])).toEqual([read]);
	});

	test("has numbers, and a commit by its author", () => {
		const environment = { ...recorded.environment, "git.committer": "A. Operator" };
		expect(parseHistory([{ ...recorded, version: 7, environment }])).toEqual([
			{ ...read, version: 7, author: "A. Operator" },
		]);
	});

	test.each([
		["outside a repository", { environment: {} }],
		["without other facts", { environment: null, config: null, endTime: null, resourceChanges: null }],
	])("has a deployment in progress, %s", (_, more) => {
		const going = { version: 3, kind: "update", startTime: recorded.startTime, message: "", ...more };
		expect(parseHistory([going])).toEqual([
			{ version: 3, kind: "update", result: "in-progress", start: read.start, changes: "" },
		]);
	});

	test("does not have unreadable entries", () => {
		expect(parseHistory([{ kind: "update" }, { ...recorded, startTime: "soon" }, null, recorded])).toEqual([read]);
		expect(parseHistory([])).toEqual([]);
	});

	test("cannot be read from something else", () => {
		expect(() => parseHistory({})).toThrow("not a history");
	});
});
