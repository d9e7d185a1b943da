import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { copyIn, type ExecResult, exec } from "../lab/host.ts";
import { site } from "../lab/site.ts";
import { type Footprint, footprint } from "./footprint.ts";

const script = join(import.meta.dirname, "..", "components", "host", "server-network.sh");
const uploaded = "/usr/local/lib/pod-gateway-host-test";
const server = "ps-ifupdown";
const route = `route 192.244.32.0/26 via ${site.gateway.address}`;

/** A desired state, by default a harmless one that nothing verifies. */
function desired({ routes = [route], verify = ["verify off"], more = "", rollbackAfter = 20 } = {}): string {
	return `pod-gateway 1
stack lab
server ${server}
${routes.join("\n")}
dns-method auto
nameserver ${site.dnsAddress}
domain ${site.clusterDomain}
${more}${verify.join("\n")}
rollback-after ${rollbackAfter}
`;
}

function apply(input: string, ...options: string[]): Promise<ExecResult> {
	return exec(server, ["sh", uploaded, "apply", ...options], { input, check: false });
}

describe.skipIf(inject("noLab") !== undefined)("the transaction on a server, by hand", () => {
	let before: Footprint;

	beforeEach(async () => {
		await copyIn(server, script, uploaded);
		before = await footprint(server);
	});

	afterEach(async () => {
		await exec(server, ["sh", "-c", "cp $0 /run/restore; sh /run/restore restore; rm /run/restore", uploaded], {
			check: false,
		});
	});

	test.each([
		["nothing at all", ""],
		["another format", desired().replace("pod-gateway 1", "pod-gateway 2")],
		["a state cut off within a line", desired().slice(0, -2)],
		["a state cut off between lines", desired().split("\n").slice(0, 5).join("\n").concat("\n")],
		["an unknown keyword", desired({ more: "reboot now\n" })],
		["a command in place of an address", desired({ routes: ["route $(reboot)/8 via 10.200.0.20"] })],
		["a rollback too far away", desired({ rollbackAfter: 600 })],
		["a route over the server's own network", desired({ routes: ["route 10.200.0.0/16 via 10.200.0.20"] })],
		["a default route", desired({ routes: ["route 0.0.0.0/0 via 10.200.0.20"] })],
		["a route over the default gateway alone", desired({ routes: ["route 10.200.0.1/32 via 10.200.0.20"] })],
	])("refuses %s and changes nothing", async (_, input) => {
		const { exitCode, stderr } = await apply(input);
		expect(stderr).toContain("refused, nothing was changed");
		expect(exitCode).toBe(2);
		expect(await footprint(server)).toEqual(before);
	});

	test("refuses to touch somebody else's route for the same prefix", async () => {
		await exec(server, ["ip", "route", "add", "192.244.32.0/26", "via", "10.200.0.1"]);
		try {
			const { exitCode, stderr } = await apply(desired());
			expect(stderr).toContain("a route for 192.244.32.0/26 that is not ours is there already");
			expect(exitCode).toBe(2);
		} finally {
			await exec(server, ["ip", "route", "del", "192.244.32.0/26", "via", "10.200.0.1"]);
		}
		expect(await footprint(server)).toEqual(before);
	});

	test("a dry run says what would change and changes nothing", async () => {
		const { exitCode, stdout } = await apply(desired(), "--dry-run");
		expect(exitCode).toBe(0);
		expect(stdout).toContain(`+ ${route}\n`);
		expect(stdout).toMatch(/^\+nameserver 192\.96\.0\.10$/m);
		expect(await footprint(server)).toEqual(before);
	});

	test("the same state again is no change, another next hop replaces the route, and restore leaves nothing", async () => {
		expect((await apply(desired())).exitCode).toBe(0);
		const inForce = await footprint(server);
		expect((await apply(desired())).stderr).toContain("no change");
		expect(await footprint(server)).toEqual(inForce);
		await apply(desired({ routes: ["route 192.244.32.0/26 via 10.200.0.12"] }));
		expect((await exec(server, ["ip", "route"])).stdout).toContain("192.244.32.0/26 via 10.200.0.12");
		await exec(server, ["/usr/local/sbin/pod-gateway-host", "restore"]);
		await copyIn(server, script, uploaded);
		expect(await footprint(server)).toEqual(before);
	});

	test("killed half-way, the server undoes the change by itself", async () => {
		const cut = apply(desired({ verify: ["verify strict", "verify-name no.such.name 192.96.0.0/16"] }));
		await expect.poll(() => routes(), { timeout: 20_000 }).toContain("192.244.32.0/26");
		await exec(server, ["sh", "-c", "kill -KILL $(cat /var/lib/pod-gateway/pending/pid)"]);
		expect((await cut).exitCode).not.toBe(0);
		expect(await routes()).toContain("192.244.32.0/26");
		await expect.poll(() => footprint(server), { timeout: 40_000, interval: 1000 }).toEqual(before);
	});

	test("what others take away comes back within 30 s", async () => {
		await apply(desired());
		await exec(server, ["ip", "route", "flush", "proto", "157"]);
		await exec(server, ["sh", "-c", "echo nameserver 10.200.0.3 >/etc/resolv.conf"]);
		await expect.poll(() => routes(), { timeout: 30_000 }).toContain("192.244.32.0/26");
		const resolvConf = async () => (await exec(server, ["cat", "/etc/resolv.conf"])).stdout;
		await expect.poll(resolvConf, { timeout: 30_000 }).toContain(`nameserver ${site.dnsAddress}`);
	});
});

async function routes(): Promise<string> {
	return (await exec(server, ["ip", "route"])).stdout;
}
