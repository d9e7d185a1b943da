import { must } from "../../components/network/arbitraries.ts";
import { parseDesired } from "../../components/network/parseDesired.ts";
import type { Finding } from "../findings.ts";
import type { ReportedServer, SiteReport } from "./site.ts";

/** For tests: a server's desired state, as it is deployed. */
export function exampleDesired(name: string): string {
	return `pod-gateway 1
stack prod
server ${name}
route 192.96.0.0/16 via 10.200.0.20
route 192.244.32.0/26 via 10.200.0.20
dns-method auto
nameserver 192.96.0.10
domain cluster.local
reverse-zone 96.192.in-addr.arpa
verify strict
rollback-after 60
`;
}

/** For tests: a server as it was found. @param state undefined where nobody looked. */
export function exampleServer(name: string, state?: Finding["state"], details: readonly string[] = []): ReportedServer {
	const record = {
		...{ at: "2026-01-31T12:00:00Z", by: "netops@10.0.0.2", stack: "prod", version: "0.1.0" },
		...{ before: "", after: "0".repeat(64) },
	};
	return {
		name,
		plan: must(parseDesired(exampleDesired(name))),
		outcome: { dnsMethod: "resolved" },
		finding: state && { server: name, state, details, record },
	};
}

/** For tests: a site with these servers. */
export function exampleReport(servers: readonly ReportedServer[], more: Partial<SiteReport> = {}): SiteReport {
	return {
		stack: "prod",
		at: new Date("2026-02-01T06:30:00Z"),
		gateways: [{ name: "gw-1", node: "gw-1", addresses: ["10.200.0.20"] }],
		blocks: [
			{ prefix: "192.244.32.0/26", node: "ku13-2" },
			{ prefix: "192.244.190.128/26", node: "ku13-1" },
		],
		services: ["192.96.0.0/16"],
		servers,
		deployments: [
			{
				...{ kind: "update", result: "succeeded", start: new Date("2026-01-31T11:59:00Z"), seconds: 21 },
				...{ author: "A. Operator", commit: "0123456789ab", changes: "2 update" },
			},
		],
		...more,
	};
}
