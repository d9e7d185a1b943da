import { readFileSync } from "node:fs";
import { alike } from "../alike.ts";
import { Html, html } from "./html.ts";
import { healthOf, lastDeployed, moment, type ReportedServer, type SiteReport, summary } from "./site.ts";

const style = readFileSync(new URL("page.css", import.meta.url), "utf8");

const CLASS = { "in sync": "in-sync", drift: "drift", unknown: "unknown", "not looked at": "unseen" } as const;

/**
 * The report as one self-contained HTML page.
 *
 * @param svg the picture of the site, from {@link picture}.
 */
export function page(report: SiteReport, svg: string): string {
	const { stack, at } = report;
	return `<!doctype html>\n${
		html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>pod-gateway: ${stack}</title>
<style>${new Html(style)}</style>
</head>
<body>
<header>
<h1>pod-gateway: ${stack}</h1>
<p class="summary">${summary(report)}</p>
<p class="quiet">Made ${moment(at)}.</p>
</header>
<main>
<h2>The site</h2>
<div class="box picture" role="group" aria-label="The site" tabindex="0">${new Html(svg)}</div>
${differences(report)}
${pending(report)}
${serverTable(report)}
${routes(report)}
${blocks(report)}
${deployments(report)}
</main>
</body>
</html>
`.text
	}`;
}

function badge(server: ReportedServer): Html {
	const health = healthOf(server);
	return html`<span class="badge ${CLASS[health]}">${health}</span>`;
}

function differences({ servers }: SiteReport): Html {
	const looked = servers.filter(({ finding }) => finding !== undefined);
	const differing = looked.filter(({ finding }) => finding?.state !== "in sync");
	return html`<h2>Since the last deployment</h2>
${looked.length === 0 ? html`<p>No server was looked at.</p>` : ""}
${looked.length > 0 && differing.length === 0 ? html`<p>Every server is as it was deployed.</p>` : ""}
${differing.length > 0 ? html`<p class="quiet">A repair would add the lines with + and remove those with -.</p>` : ""}
${differing.map(
	(server) => html`<h3>${server.name}: ${badge(server)}</h3>
<pre class="box" tabindex="0">${diff(server.finding?.details ?? [])}</pre>`,
)}`;
}

function diff(lines: readonly string[]): readonly Html[] {
	return lines.map((line) => {
		const sign = line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "";
		return html`<span class="${sign}">${line}</span>\n`;
	});
}

function pending({ pending }: SiteReport): Html {
	if (pending === undefined) return html``;
	const heading = html`<h2>What an update would change now</h2>`;
	if ("problem" in pending)
		return html`${heading}<p>This is unknown, because the preview failed:</p><pre class="box" tabindex="0">${pending.problem}</pre>`;
	if (pending.servers.length === 0 && pending.others.length === 0) return html`${heading}<p>Nothing.</p>`;
	return html`${heading}
<ul>${pending.servers.map(({ summary }) => html`<li>${summary}</li>`)}</ul>
${alike(pending.servers, ({ lines }) => lines.join("\n")).map(
	(group) => html`<h3>${group.map(({ server }) => server).join(", ")}</h3>
<pre class="box" tabindex="0">${diff(group[0]?.lines ?? [])}</pre>`,
)}
${pending.others.length > 0 ? html`<p>Gateways: ${pending.others.join(", ")}</p>` : ""}`;
}

interface Table {
	readonly caption: string;
	readonly head: readonly string[];
	/** Rows of cells. The first cell is the row's heading. */
	readonly rows: readonly (readonly (Html | string)[])[];
}

function table({ caption, head, rows }: Table): Html {
	return html`<div class="box" role="group" aria-label="${caption}" tabindex="0"><table>
<caption>${caption}</caption>
<thead><tr>${head.map((text) => html`<th scope="col">${text}</th>`)}</tr></thead>
<tbody>
${rows.map(([first = "", ...cells]) => html`<tr><th scope="row">${first}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>\n`)}</tbody>
</table></div>`;
}

function serverTable({ servers }: SiteReport): Html {
	const rows = servers.map((server) => {
		const { dns, routes } = server.plan;
		return [
			server.name,
			badge(server),
			lastDeployed(server),
			String(routes.length),
			server.outcome.dnsMethod,
			dns.nameservers.map(({ text }) => text).join(", "),
			[dns.domain ?? "", ...dns.searchDomains.map((domain) => `search ${domain}`)].filter(Boolean).join(", "),
			dns.reverseZones.join(", "),
		];
	});
	const head = ["server", "health", "last deployed", "routes", "names by", "nameservers", "domain", "reverse zones"];
	return html`<h2>Servers</h2>${table({ caption: "What is deployed on each server", head, rows })}`;
}

/** The routes of all servers. Servers with the same routes, which most have, share a table. */
function routes({ servers }: SiteReport): Html {
	const text = ({ plan }: ReportedServer) =>
		plan.routes.map(({ prefix, via }) => `${prefix.text} ${via.map(({ text }) => text).join(", ")}`).join("\n");
	return html`<h2>Routes</h2>${alike(servers, text).map((group) =>
		table({
			caption: group.map(({ name }) => name).join(", "),
			head: ["prefix", "next hop"],
			rows: (group[0]?.plan.routes ?? []).map(({ prefix, via }) => [
				prefix.text,
				via.map(({ text }) => text).join(", "),
			]),
		}),
	)}`;
}

function blocks({ blocks }: SiteReport): Html {
	const rows = blocks.map(({ prefix, node }) => [prefix, node]);
	return html`<h2>Blocks</h2>${table({ caption: "Blocks that the gateways reach through other nodes", head: ["block", "node"], rows })}`;
}

function deployments({ deployments }: SiteReport): Html {
	const rows = deployments.map(({ version, kind, result, start, seconds, author, commit, changes }) => [
		moment(start),
		version === undefined ? "" : String(version),
		seconds === undefined ? "" : `${Math.round(seconds)} s`,
		kind,
		result,
		changes || "nothing",
		[author, commit].filter(Boolean).join(", "),
	]);
	const head = ["began", "version", "took", "kind", "result", "changed", "commit"];
	return html`<h2>Deployments</h2>${table({ caption: "The latest first", head, rows })}`;
}
