import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, inject, test } from "vitest";
import { copyIn, type ExecResult, exec } from "../lab/host.ts";
import { site } from "../lab/site.ts";
import { type Footprint, footprint } from "./footprint.ts";

const script = join(import.meta.dirname, "..", "host", "server-network.sh");
const uploaded = "/usr/local/lib/pod-gateway-host-test";
const server = "ps-ifupdown";
const route = `route 192.244.32.0/26 via ${site.gateway.address}`;

/** A desired state. The default is harmless and is not verified. */
function desired({
	routes = [route],
	verify = ["verify off"],
	more = "",
	rollbackAfter = 20,
	nameserver = site.dnsAddress as string,
} = {}): string {
	return `pod-gateway 1
stack lab
server ${server}
${routes.join("\n")}
dns-method auto
nameserver ${nameserver}
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
		["a command instead of an address", desired({ routes: ["route $(reboot)/8 via 10.200.0.20"] })],
		["a rollback-after that is too long", desired({ rollbackAfter: 600 })],
		["a route over the server's own network", desired({ routes: ["route 10.200.0.0/16 via 10.200.0.20"] })],
		["a default route", desired({ routes: ["route 0.0.0.0/0 via 10.200.0.20"] })],
		["a route over only the default gateway", desired({ routes: ["route 10.200.0.1/32 via 10.200.0.20"] })],
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

	test.each([
		["a container bridge that is down", "172.17.9.0/24", "10.200.0.20"],
		["a container bridge by IPv6", "fd00:17::/80", "fd00::20"],
		["a VM bridge, as a wider prefix", "192.168.0.0/16", "10.200.0.20"],
	])("refuses a route over %s", async (_, prefix, hop) => {
		await exec(server, ["sh", "-ec", BRIDGES]);
		try {
			const { exitCode, stderr } = await apply(desired({ routes: [`route ${prefix} via ${hop}`] }));
			expect(stderr).toMatch(/the route \S+ overlaps \S+, a network this server is connected to/);
			expect(exitCode).toBe(2);
		} finally {
			await exec(server, ["sh", "-c", "ip link delete docker0; ip link delete virbr0"]);
		}
		expect(await footprint(server)).toEqual(before);
	});

	test("the verification fails if the nameserver does not answer, and nothing of the change is left", async () => {
		const name = `verify-name kubernetes.default.svc.${site.clusterDomain} ${site.serviceRange}`;
		const { exitCode, stderr } = await apply(desired({ nameserver: "192.96.0.99", verify: ["verify strict", name] }));
		expect(stderr).toContain("the nameserver 192.96.0.99 does not answer on port 53 by udp");
		expect(stderr).toContain("rolled back: this server is as it was before");
		expect(exitCode).toBe(1);
		expect(await footprint(server)).toEqual(before);
	});

	test("a dry run says what would change and changes nothing", async () => {
		const { exitCode, stdout } = await apply(desired(), "--dry-run");
		expect(exitCode).toBe(0);
		expect(stdout).toContain(`+ ${route}\n`);
		expect(stdout).toMatch(/^\+nameserver 192\.96\.0\.10$/m);
		expect(await footprint(server)).toEqual(before);
	});

	test("the same state again changes nothing, another next hop replaces the route, and restore leaves nothing", async () => {
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

	test("if the run is killed half-way, the server undoes the change by itself", async () => {
		const cut = apply(desired({ verify: ["verify strict", "verify-name no.such.name 192.96.0.0/16"] }));
		await expect.poll(() => routes(), { timeout: 20_000 }).toContain("192.244.32.0/26");
		await exec(server, ["systemctl", "kill", "--signal=KILL", "pod-gateway-run.service"]);
		const { exitCode, stdout } = await cut;
		expect(exitCode).toBe(1);
		expect(JSON.parse(stdout)).toEqual({ result: "rolled-back" });
		await expect.poll(() => footprint(server), { timeout: 40_000, interval: 1000 }).toEqual(before);
	});

	test("what other programs remove is back within 30 s", async () => {
		await apply(desired());
		await exec(server, ["ip", "route", "flush", "proto", "157"]);
		await exec(server, ["sh", "-c", "echo nameserver 10.200.0.3 >/etc/resolv.conf"]);
		await expect.poll(() => routes(), { timeout: 30_000 }).toContain("192.244.32.0/26");
		const resolvConf = async () => (await exec(server, ["cat", "/etc/resolv.conf"])).stdout;
		await expect.poll(resolvConf, { timeout: 30_000 }).toContain(`nameserver ${site.dnsAddress}`);
	});
});

/** Shell: makes networks that servers have for containers and VMs. */
const BRIDGES = `ip link add docker0 type bridge
ip address add 172.17.0.1/16 dev docker0
ip address add fd00:17::1/64 dev docker0 nodad
ip link set docker0 up
ip link add virbr0 type bridge
ip address add 192.168.122.1/24 dev virbr0
ip link set virbr0 up`;

describe.skipIf(inject("noLab") !== undefined)("a server whose sudo is sudo-rs", () => {
	const trixie = site.servers.find(({ sudo }) => sudo === "sudo-rs");
	if (!trixie?.user) throw new Error("the lab has no server with sudo-rs");
	const { name, user } = trixie;
	const own = `/home/${user}/.pod-gateway-host-test`;
	const as = (input: string, ...argv: string[]) =>
		exec(name, ["runuser", "--user", `${user}`, "--", "sh", ...argv], { input, check: false });

	test("lets its user apply and restore by the rule in the docs, and shows that rule if it is missing", async () => {
		expect((await exec(name, ["sudo", "--version"])).stderr).toContain("sudo-rs");
		const before = await footprint(name);
		await copyIn(name, script, own);
		await exec(name, ["chown", `${user}:`, own]);
		const rule = "/etc/sudoers.d/pod-gateway";
		await exec(name, ["mv", rule, "/run/rule"]);
		const refused = await as(desired(), own, "apply");
		await exec(name, ["mv", "/run/rule", rule]);
		expect(refused.stderr).toContain("this needs root (sudo: sudo");
		expect(refused.stderr).toContain((await exec(name, ["cat", rule])).stdout);
		expect(refused.exitCode).toBe(2);
		const applied = await as(desired(), own, "apply");
		expect(applied.stdout, applied.stderr).toContain('"applied"');
		const restored = await as("", "/usr/local/sbin/pod-gateway-host", "restore");
		expect(restored.stdout, restored.stderr).toContain('"restored"');
		await expect.poll(() => footprint(name), { timeout: 20_000, interval: 1000 }).toEqual(before);
	});
});

describe.skipIf(inject("noLab") !== undefined)("NetworkManager without a resolver that can split", () => {
	const nm = "ps-nm";
	const hidden = "mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.hidden";

	test("asks the cluster first and then the others, three in all, and is as before after restore", async () => {
		await exec(nm, ["sh", "-c", hidden]);
		try {
			await exec(nm, ["systemctl", "restart", "NetworkManager"]);
			const before = await footprint(nm);
			await copyIn(nm, script, uploaded);
			await exec(nm, ["sh", uploaded, "apply"], { input: desired() });
			const resolvConf = async () =>
				(await exec(nm, ["cat", "/etc/resolv.conf"])).stdout.split("\n").filter((line) => !line.startsWith("#"));
			await expect
				.poll(resolvConf, { timeout: 20_000 })
				.toEqual([
					`nameserver ${site.dnsAddress}`,
					`nameserver ${site.resolver.address}`,
					"options timeout:1 attempts:2",
				]);
			await exec(nm, ["/usr/local/sbin/pod-gateway-host", "restore"]);
			await expect.poll(() => footprint(nm), { timeout: 20_000 }).toEqual(before);
		} finally {
			await exec(nm, ["sh", "-c", "mv /usr/sbin/dnsmasq.hidden /usr/sbin/dnsmasq"]);
		}
	});
});

async function routes(): Promise<string> {
	return (await exec(server, ["ip", "route"])).stdout;
}
