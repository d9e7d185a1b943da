import type { ServerPlan } from "../../src/core/plan/serverPlan.ts";
import type { Outcome } from "../../src/core/wire/outcome.ts";
import type { Finding } from "../findings.ts";
import type { PreviewReview } from "../preview.ts";
import type { Deployment } from "./history.ts";

/** A server's state; `not looked at` if the report was made without reading servers. */
export type Health = Finding["state"] | "not looked at";

export interface ReportedServer {
	readonly name: string;
	/** The deployed desired state. */
	readonly plan: ServerPlan;
	/** The outcome of its deployment. */
	readonly outcome: Outcome;
	/** The comparison with the server; undefined if it was not read. */
	readonly finding?: Finding | undefined;
}

export interface ReportedGateway {
	readonly name: string;
	/** The Node's name. */
	readonly node: string;
	readonly addresses: readonly string[];
}

/** A prefix of pod addresses, and the node behind it. */
export interface ReportedBlock {
	readonly prefix: string;
	readonly node: string;
}

/** The content of a report, as plain data. */
export interface SiteReport {
	readonly stack: string;
	/** When the report was made. */
	readonly at: Date;
	readonly gateways: readonly ReportedGateway[];
	readonly blocks: readonly ReportedBlock[];
	/** Prefixes of the Services. */
	readonly services: readonly string[];
	readonly servers: readonly ReportedServer[];
	/** The changes of a `pulumi up`, or why they are unknown; undefined if no preview was run. */
	readonly pending?: PreviewReview | { readonly problem: string } | undefined;
	/** The latest first. */
	readonly deployments: readonly Deployment[];
}

export function healthOf({ finding }: ReportedServer): Health {
	return finding?.state ?? "not looked at";
}

/** When the server was last deployed, and by whom: from the server if it was read, otherwise from the state. */
export function lastDeployed({ finding, outcome }: ReportedServer): string {
	const record = finding?.record ?? outcome.record;
	return record ? `${moment(record.at)} by ${record.by}` : "";
}

/**
 * One line. Example: `6 servers: 5 in sync, 1 drift; gateway gw-1; 4 blocks on 2 nodes`.
 *
 * @param format formats a name. Default: unchanged.
 */
export function summary({ servers, gateways, blocks }: SiteReport, format = (name: string) => name): string {
	const states: readonly Health[] = ["in sync", "drift", "unknown", "not looked at"];
	const counts = states.flatMap((state) => {
		const number = servers.filter((server) => healthOf(server) === state).length;
		return number === 0 ? [] : [`${number} ${state}`];
	});
	const nodes = new Set(blocks.map(({ node }) => node)).size;
	return [
		counts.length === 0 ? "no servers" : `${counted(servers.length, "server")}: ${counts.join(", ")}`,
		`${gateways.length === 1 ? "gateway" : "gateways"} ${gateways.map(({ name }) => format(name)).join(", ") || "none"}`,
		`${counted(blocks.length, "block")} on ${counted(nodes, "node")}`,
	].join("; ");
}

function counted(number: number, what: string): string {
	return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** The time to the minute. Example: `2026-01-31 12:00 UTC`. */
export function moment(at: Date | string): string {
	const iso = (typeof at === "string" ? new Date(at) : at).toISOString();
	return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}
