/**
 * Lines of a desired state, which its two readers, `parseDesired` and the host script, have to judge alike: each stands between the
 * lines that every state has.
 */
export const goodLines: readonly string[] = [
	"route 192.244.32.0/26 via 10.200.0.20",
	"route 192.244.33.0/26 via 10.200.0.20 via 10.200.0.21",
	"route fd00:10:244::40/122 via fd00:200::20",
	"route 10.96.0.1/32 via 10.200.0.20",
	"nameserver 192.96.0.10",
	"nameserver fd00:96::a",
	"domain cluster.local",
	"reverse-zone 244.192.in-addr.arpa",
	"search default.svc.cluster.local",
	"verify-name kubernetes.default.svc.cluster.local 192.96.0.0/16",
	"verify-pods web.default.svc.cluster.local 192.244.0.0/16 fd00:10:244::/48",
	"verify-outside example.org",
];

/** Each breaks a state that was good without it. */
export const badLines: readonly string[] = [
	"",
	" ",
	"reboot now",
	"route",
	"route 192.244.32.0/26",
	"route 192.244.32.0/26 via",
	"route 192.244.32.0/26 by 10.200.0.20",
	"route 192.244.32.0/26 via 10.200.0.20 10.200.0.21",
	"route  192.244.32.0/26 via 10.200.0.20",
	" route 192.244.32.0/26 via 10.200.0.20",
	"route 192.244.32.0/26 via 10.200.0.20 ",
	"route\t192.244.32.0/26 via 10.200.0.20",
	"route 192.244.32.1/26 via 10.200.0.20",
	"route 192.244.32.0/33 via 10.200.0.20",
	"route 192.244.32.0/026 via 10.200.0.20",
	"route 192.244.032.0/26 via 10.200.0.20",
	"route 192.244.32/26 via 10.200.0.20",
	"route 192.244.256.0/24 via 10.200.0.20",
	"route 192.244.32.0 via 10.200.0.20",
	"route $(reboot)/8 via 10.200.0.20",
	"route default via 10.200.0.20",
	"route fd00:0:0::/48 via fd00:200::20",
	"route FD00::/48 via fd00:200::20",
	"route fd00::1/48 via fd00:200::20",
	"route fd00::/129 via fd00:200::20",
	"route fd00::/48 via fd00:200::20%eth0",
	"route fd00::/48 via 10.200.0.20",
	"route 192.244.32.0/26 via fd00:200::20",
	"nameserver",
	"nameserver 192.96.0.10 192.96.0.11",
	"nameserver 192.96.0.010",
	"nameserver ::ffff:192.96.0.10",
	"nameserver dns.example",
	"domain",
	"domain cluster.local cluster.example",
	'domain "cluster.local"',
	"domain cluster..local",
	"domain -cluster.local",
	"search a%sb",
	"verify-name kubernetes.default.svc.cluster.local",
	"verify-name kubernetes.default.svc.cluster.local 192.96.0.1/16",
	"verify-name a;b 192.96.0.0/16",
	"verify-pods 192.244.0.0/16",
	"verify-outside example.org example.net",
	"verify-outside *",
	"stack other",
	"server db-2",
	"dns-method none",
	"dns-method bind",
	"verify on",
	"rollback-after 60",
	"rollback-after 1000",
];

/** The state around a line. */
export function stateWith(line: string, rollbackAfter = "60"): string {
	const lines = ["pod-gateway 1", "stack lab", "server db-1", "dns-method auto", line, "verify off"];
	return `${[...lines, `rollback-after ${rollbackAfter}`].join("\n")}\n`;
}
