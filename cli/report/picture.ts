import { type Graph, instance } from "@viz-js/viz";
import { alike } from "../alike.ts";
import { plainText } from "./plainText.ts";
import { type Health, healthOf, type ReportedServer, type SiteReport } from "./site.ts";

/** The most servers or nodes that are drawn one by one. More servers are drawn as groups of equal ones, and more nodes as one. */
const DRAWN_ONE_BY_ONE = 12;
/** The most blocks of a node that are named. */
const NAMED_BLOCKS = 6;

/** The picture's label for screen readers. The tables have the same content. */
const LABEL = "Servers, gateways and the nodes with their blocks";

const CLASS: Readonly<Record<Health, string>> = {
	"in sync": "in-sync",
	drift: "drift",
	unknown: "unknown",
	"not looked at": "unseen",
};

/** The site as SVG: servers, gateways, nodes, and the paths between them. The page's style sheet gives the colours. */
export async function picture(report: SiteReport): Promise<string> {
	const svg = (await instance()).renderString(graph(report), { format: "svg" });
	// The text before the element is only for files, and the page sets the size.
	return svg
		.slice(svg.indexOf("<svg"))
		.replace(/^<svg width="[^"]*" height="[^"]*"/, `<svg role="img" aria-label="${LABEL}"`);
}

/** The graph that Graphviz lays out. Classes give the colours, and labels also name the health. */
export function graph({ servers, gateways, blocks, services }: SiteReport): Graph {
	const groups = grouped(servers);
	const nodes = groupedNodes(blocks);
	const hops = new Map(gateways.flatMap(({ name, addresses }) => addresses.map((address) => [address, name] as const)));
	return {
		directed: true,
		graphAttributes: { rankdir: "LR", bgcolor: "transparent", nodesep: 0.15, ranksep: 0.9 },
		// Graphviz knows the widths of Helvetica, and page.css uses fonts of similar widths.
		nodeAttributes: { shape: "box", fontname: "Helvetica", fontsize: 11, height: 0.3, margin: "0.12,0.05" },
		edgeAttributes: { arrowsize: 0.6 },
		nodes: [
			...groups.map(({ id, label, health }) => ({
				name: id,
				attributes: { label: escaped(`${label}\n${health}`), class: `server ${CLASS[health]}` },
			})),
			...gateways.map(({ name, addresses }) => ({
				name: idOf("gateway", name),
				attributes: { label: escaped([`gateway ${name}`, ...addresses].join("\n")), class: "gateway", peripheries: 2 },
			})),
			...nodes.map(({ id, label }) => ({
				name: id,
				attributes: { label: escaped(label), class: "node-of-cluster" },
			})),
			...services.map((prefix) => ({
				name: idOf("services", prefix),
				attributes: { label: escaped(`Services\n${prefix}`), class: "services" },
			})),
		],
		edges: [
			...groups.flatMap(({ id, via }) =>
				via.map((hop) => ({ tail: id, head: idOf("gateway", hops.get(hop) ?? hop), attributes: { class: "flow" } })),
			),
			...gateways.flatMap(({ name }) =>
				[...nodes.map(({ id }) => id), ...services.map((prefix) => idOf("services", prefix))].map((head) => ({
					tail: idOf("gateway", name),
					head,
					attributes: { class: "flow" },
				})),
			),
		],
	};
}

interface Group {
	readonly id: string;
	readonly label: string;
	readonly health: Health;
	/** Next hops. */
	readonly via: readonly string[];
}

function grouped(servers: readonly ReportedServer[]): readonly Group[] {
	const one = (server: ReportedServer): Group => {
		const via = [...new Set(server.plan.routes.flatMap((route) => route.via.map(({ text }) => text)))];
		return { id: idOf("server", server.name), label: server.name, health: healthOf(server), via };
	};
	const all = servers.map(one);
	if (all.length <= DRAWN_ONE_BY_ONE) return all;
	const key = ({ health, via }: Group) => `${health} ${via.join(" ")}`;
	return alike(all, key).flatMap((group) => {
		const [first, ...others] = group;
		if (!first || others.length === 0) return group;
		return [{ ...first, id: idOf("servers", key(first)), label: `${group.length} servers` }];
	});
}

function groupedNodes(blocks: SiteReport["blocks"]): readonly { readonly id: string; readonly label: string }[] {
	const nodes = [...new Set(blocks.map(({ node }) => node))];
	if (nodes.length <= DRAWN_ONE_BY_ONE) {
		return nodes.map((node) => ({ id: idOf("node", node), label: nodeLabel(node, blocks) }));
	}
	return [{ id: "nodes", label: `${nodes.length} nodes\n${blocks.length} blocks` }];
}

function nodeLabel(node: string, blocks: SiteReport["blocks"]): string {
	const own = blocks.filter((block) => block.node === node).map(({ prefix }) => prefix);
	const rest = own.length > NAMED_BLOCKS ? [`${own.length - NAMED_BLOCKS} more`] : [];
	return [node, ...own.slice(0, NAMED_BLOCKS), ...rest].join("\n");
}

/** A node's name for Graphviz, unique across kinds. It is also the node's title on the page. */
function idOf(kind: "server" | "servers" | "gateway" | "node" | "services", name: string): string {
	return plainText(`${kind} ${name}`);
}

/** A label without Graphviz's escape sequences (https://graphviz.org/docs/attr-types/escString/). */
function escaped(label: string): string {
	return plainText(label).replaceAll("\\", "\\\\");
}
