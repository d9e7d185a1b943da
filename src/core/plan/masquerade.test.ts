import { expect, test } from "vitest";
import { must } from "../../../tests/fixtures/arbitraries.ts";
import { parsePrefix } from "../values/prefix.ts";
import { renderMasquerade } from "./masquerade.ts";

const render = (...texts: string[]) => renderMasquerade(texts.map((text) => must(parsePrefix(text))));

test("both families", () => {
	expect(render("fd00:244::/56", "192.245.0.0/16", "192.244.0.0/16")).toMatchInlineSnapshot(`
		"# Written by pod-gateway: pods see this machine's address in place of a server's.
		table ip pod_gateway_masquerade
		delete table ip pod_gateway_masquerade
		table ip pod_gateway_masquerade {
			chain postrouting {
				type nat hook postrouting priority srcnat + 10; policy accept;
				ip saddr != { 192.244.0.0/16, 192.245.0.0/16 } ip daddr { 192.244.0.0/16, 192.245.0.0/16 } fib saddr type != local masquerade
			}
		}
		table ip6 pod_gateway_masquerade
		delete table ip6 pod_gateway_masquerade
		table ip6 pod_gateway_masquerade {
			chain postrouting {
				type nat hook postrouting priority srcnat + 10; policy accept;
				ip6 saddr != { fd00:244::/56 } ip6 daddr { fd00:244::/56 } fib saddr type != local masquerade
			}
		}
		"
	`);
});

test("one family alone takes the other's rules away; a range inside another is named once", () => {
	const rules = render("192.244.8.0/24", "192.244.0.0/16", "192.244.0.0/16");
	expect(rules).toContain("\t\tip saddr != { 192.244.0.0/16 } ip daddr { 192.244.0.0/16 } fib");
	expect(rules).toContain("delete table ip6 pod_gateway_masquerade\n");
	expect(rules).not.toContain("table ip6 pod_gateway_masquerade {");
});

test("nothing to masquerade", () => {
	expect(render()).toBe("");
});
