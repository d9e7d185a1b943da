import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { desired, SCRIPT, ServerSandbox } from "../tests/fixtures/server.ts";

const RESOLV_CONF = "/etc/resolv.conf";
const STATE = "/var/lib/pod-gateway";
const STUB = "nameserver 127.0.0.53\noptions edns0 trust-ad\n";

// A run starts a hundred processes, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let host: ServerSandbox;

beforeEach(() => {
	host = new ServerSandbox();
	host.write(RESOLV_CONF, "nameserver 10.200.0.3\n");
});

afterEach(() => host.remove());

const apply = (state: string, ...options: string[]) => host.run(SCRIPT, ["apply", ...options], state);
const judge = (...routes: string[]) =>
	apply(desired({ method: "none", more: routes.map((route) => `route ${route}\n`).join("") }), "--dry-run");

/** Everything in the sandbox's /etc, /var and /usr. */
const files = () =>
	["etc", "var", "usr"].flatMap((folder) =>
		readdirSync(join(host.root, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
	);

describe("a route is refused before any change", () => {
	test.each<[string, string, RegExp]>([
		["over half the internet", "128.0.0.0/1 via 10.200.0.20", /128\.0\.0\.0\/1 is wider than \/8/],
		["over the server's network", "10.200.0.0/16 via 10.200.0.20", /overlaps 10\.200\.0\.31\/24, a network/],
		["inside the server's network", "10.200.0.64/26 via 10.200.0.20", /overlaps 10\.200\.0\.31\/24, a network/],
		["over the server itself", "10.192.0.0/12 via 10.200.0.20", /covers 10\.200\.0\.31, an address of this server/],
		["over a nameserver in use", "10.96.0.0/12 via 10.200.0.20", /covers 10\.100\.0\.53, a nameserver/],
		["by a gateway that is not on the link", "10.97.0.0/16 via 10.60.0.20", /10\.60\.0\.20, which is not on a network/],
		["by the server itself", "10.97.0.0/16 via 10.200.0.31", /10\.200\.0\.31, which is an address of this server/],
		["by a gateway that cannot be reached", "10.97.0.0/16 via 10.61.0.20", /which is not on any network .*unreachable/],
		[
			"that somebody else has set",
			"10.98.0.0/16 via 10.200.0.20",
			/10\.98\.0\.0\/16 that is not ours is there already/,
		],
	])("%s", async (_, route, message) => {
		host.write(RESOLV_CONF, "nameserver 10.100.0.53\n");
		host.routes({
			v4: "default via 10.200.0.1 dev eth0\n10.98.0.0/16 via 10.200.0.1 dev eth0",
			to: {
				"10.60.0.20": "via 10.200.0.1 dev eth0",
				"10.61.0.20": "RTNETLINK answers: Network is unreachable",
				"10.200.0.31": "dev lo src 10.200.0.31",
			},
		});
		const { exitCode, stdout, stderr } = await judge(route);
		expect(stderr).toMatch(message);
		expect(exitCode).toBe(2);
		expect(JSON.parse(stdout)).toEqual({ result: "refused" });
	});

	test("unless the nameserver has a longer route of its own", async () => {
		host.write(RESOLV_CONF, "nameserver 10.100.0.53\n");
		host.routes({ v4: "10.100.0.0/16 via 10.200.0.1 dev eth0" });
		expect((await judge("10.96.0.0/12 via 10.200.0.20")).stderr).toBe("");
	});

	test.each([
		["an unreachable aggregate", { v6: "unreachable fd00::/8 dev lo metric 1024" }],
		["a VPN's wide route", { v6: "fd00::/8 dev wg0 proto static metric 1024" }],
		["a default that leads nowhere", { v6: "unreachable default dev lo metric 4294967295 error -101" }],
	])("but not because of %s", async (_, routes) => {
		host.routes(routes);
		expect((await judge("fd00:10:96::/112 via fd00:200::20")).stderr).toBe("");
	});

	test("also if the kernel does not answer", async () => {
		host.command("ip", "exit 1");
		const { exitCode, stderr } = await judge("10.97.0.0/16 via 10.200.0.20");
		expect(stderr).toContain("refused, nothing was changed");
		expect(exitCode).toBe(2);
	});
});

describe("a change that removes many routes", () => {
	const block = (index: number) => `10.97.${index}.0/24`;
	const table = (prefixes: readonly string[], maxShrink: number | undefined) =>
		desired({
			method: "none",
			more: [
				...["10.96.0.0/16", ...prefixes].map((prefix) => `route ${prefix} via 10.200.0.20\n`),
				...(maxShrink === undefined ? [] : [`max-shrink ${maxShrink}\n`]),
			].join(""),
		});
	const blocks = (count: number) => Array.from({ length: count }, (_, index) => block(index));
	/** Tries a change from one list of prefixes to another. The route to the Services stays. */
	const change = (before: readonly string[], after: readonly string[], maxShrink?: number) => {
		host.write(`${STATE}/lab/desired`, table(before, maxShrink));
		return apply(table(after, maxShrink), "--dry-run");
	};

	test("is refused beyond the allowed share, before any change, with the setting and what to do", async () => {
		const { exitCode, stdout, stderr } = await change(blocks(4), blocks(2), 30);
		expect(stderr).toBe(
			"pod-gateway: refused, nothing was changed: 2 of 5 IPv4 routes would go (10.97.2.0/24, 10.97.3.0/24), and 30 % may: " +
				"make sure that the gateways have all their routes, then run up again. If these are to go, set pod-gateway:routes.maxShrink to 1 for one up",
		);
		expect(JSON.parse(stdout)).toEqual({ result: "refused" });
		expect(exitCode).toBe(2);
		expect((await change(blocks(40), [], 30)).stderr).toContain(`${block(7)} and 32 more), and 30 % may`);
	});

	test.each<[string, readonly string[], readonly string[], number | undefined]>([
		["fewer than the share", blocks(4), blocks(3), 30],
		["exactly the share", blocks(9), blocks(6), 30],
		["two of three, with a share of 100 %", blocks(2), [], 100],
		["a state of a version without max-shrink", blocks(4), [], undefined],
		["a pool instead of its blocks", blocks(9), ["10.97.0.0/16"], 0],
		["blocks instead of their pool", ["10.97.0.0/16"], blocks(1), 0],
		["halves of a block", [block(0)], ["10.97.0.0/25"], 0],
		["a first table", [], blocks(1), 0],
	])("is accepted: %s", async (_, before, after, maxShrink) => {
		const { stdout, stderr } = await change(before, after, maxShrink);
		expect(stderr).toBe("");
		expect(JSON.parse(stdout.split("\n").at(-1) ?? "")).toMatchObject({ result: "would-change" });
	});

	test("a route to one pod does not replace its block's, nor does a part that was there before", async () => {
		const one = await change([block(0), block(1)], ["10.97.0.9/32", "10.97.1.9/32"], 30);
		expect(one.stderr).toContain("2 of 3 IPv4 routes would go (10.97.0.0/24, 10.97.1.0/24)");
		const part = await change([block(0), "10.97.0.0/28", block(1)], ["10.97.0.0/28"], 30);
		expect(part.stderr).toContain("2 of 4 IPv4 routes would go (10.97.0.0/24, 10.97.1.0/24)");
	});

	test("each family is judged by itself, and a first deployment is not judged", async () => {
		const sixes = (count: number) => Array.from({ length: count }, (_, index) => `fd00:97:${index + 1}::/64`);
		const more = (prefixes: readonly string[]) =>
			desired({
				method: "none",
				more: `${prefixes.map((prefix) => `route ${prefix} via ${prefix.includes(":") ? "fd00:200::20" : "10.200.0.20"}\n`).join("")}max-shrink 30\n`,
			});
		expect((await apply(more(blocks(2)), "--dry-run")).exitCode).toBe(0);
		host.write(`${STATE}/lab/desired`, more([...blocks(20), ...sixes(4)]));
		const { stderr } = await apply(more([...blocks(20), ...sixes(2)]), "--dry-run");
		expect(stderr).toContain("2 of 4 IPv6 routes would go (fd00:97:3::/64, fd00:97:4::/64)");
	});
});

describe("an unknown argument is an error, and nothing is done", () => {
	test.each([
		["apply", "--dryrun"],
		["restore", "--foo"],
		["restore", "--stack"],
		["reapply", "now"],
		["detect", "x"],
	])("%s %s", async (...args) => {
		await apply(desired());
		const before = files();
		const { exitCode, stdout } = await host.run(SCRIPT, args, desired({ more: "search example.org\n" }));
		expect(exitCode).toBe(2);
		expect(JSON.parse(stdout)).toEqual({ result: "refused" });
		expect(files()).toEqual(before);
	});

	test("restore --dry-run shows what it would do, and changes nothing", async () => {
		await apply(desired());
		const before = files();
		const { exitCode, stdout } = await host.run(SCRIPT, ["restore", "--dry-run"]);
		expect(exitCode).toBe(0);
		expect(stdout).toContain("- stack lab");
		expect(stdout).toMatch(/^-nameserver 192\.96\.0\.10$/m);
		expect(files()).toEqual(before);
	});
});

describe("a resolv.conf that cannot be replaced", () => {
	/** Runs the real chattr. @returns false if the file system or the user cannot do this */
	const immutable = (flag: "+i" | "-i") => {
		try {
			execFileSync("chattr", [flag, join(host.root, RESOLV_CONF)], { stdio: "ignore" });
			return true;
		} catch {
			return false;
		}
	};

	afterEach(() => void immutable("-i"));

	test.each(["strict", "warn", "off"])("is refused before any change, with verify %s", async (verify) => {
		const before = files();
		if (!immutable("+i")) return expect(process.getuid?.() === 0 && existsSync("/usr/bin/chattr")).toBe(false);
		const { exitCode, stdout, stderr } = await apply(desired({ verify }));
		expect(stderr).toMatch(
			/resolv\.conf cannot be replaced \(Operation not permitted\); is it immutable \(lsattr \S+\), mounted by itself \(findmnt/,
		);
		expect(exitCode).toBe(2);
		expect(JSON.parse(stdout)).toEqual({ result: "refused" });
		expect(files()).toEqual(before);
	});

	test("makes restore fail, and everything that can restore it later stays", async () => {
		await apply(desired());
		const before = files();
		if (!immutable("+i")) return expect(process.getuid?.() === 0 && existsSync("/usr/bin/chattr")).toBe(false);
		const { exitCode, stderr } = await host.run(SCRIPT, ["restore"]);
		expect(stderr).not.toContain("nothing of pod-gateway is left");
		expect(exitCode).not.toBe(0);
		expect(files()).toEqual(before);
		immutable("-i");
		expect((await host.run(SCRIPT, ["restore"])).exitCode).toBe(0);
		expect(host.read(RESOLV_CONF)).toBe("nameserver 10.200.0.3\n");
	});
});

describe("the owner of resolv.conf", () => {
	test("is not NetworkManager where that is told to leave it alone, whatever the file says", async () => {
		host.running("NetworkManager");
		host.write(RESOLV_CONF, "# Generated by NetworkManager\nnameserver 10.200.0.3\n");
		expect((await host.run(SCRIPT, ["detect"])).stdout).toBe("networkmanager");
		host.write("/etc/NetworkManager/conf.d/50-dns.conf", "[main]\ndns=none\n");
		expect((await host.run(SCRIPT, ["detect"])).stdout).toBe("resolvconf");
		const { exitCode, stderr } = await apply(desired({ method: "networkmanager" }));
		expect(stderr).toContain("NetworkManager is told to leave");
		expect(exitCode).toBe(2);
	});

	test("is found anew each time: the names move to it, and none are left behind", async () => {
		await apply(desired({ method: "auto" }));
		expect(host.read(RESOLV_CONF)).toContain("nameserver 192.96.0.10");
		host.running("dnsmasq");
		host.write("/etc/dnsmasq.conf", `conf-dir=${host.root}/etc/dnsmasq.d\n`);
		host.write("/etc/dnsmasq.d/README", "");
		host.write(RESOLV_CONF, `${host.read(RESOLV_CONF)?.replace("nameserver 10.200.0.3", "nameserver 127.0.0.1")}`);
		const { stdout } = await apply(desired({ method: "auto" }));
		expect(JSON.parse(stdout)).toMatchObject({ result: "applied", dnsMethod: "dnsmasq" });
		expect(host.read(RESOLV_CONF)).toBe("nameserver 127.0.0.1\n");
		await host.run(SCRIPT, ["restore"]);
		expect(host.read(RESOLV_CONF)).toBe("nameserver 127.0.0.1\n");
	});

	test("may rewrite the file while the names move to it: its text stays", async () => {
		await apply(desired({ method: "auto" }));
		// NetworkManager has written its file, and a run of the timer has put the block back into that.
		host.write(RESOLV_CONF, `# Generated by NetworkManager\n${host.read(RESOLV_CONF)}`);
		host.running("NetworkManager");
		host.command("dnsmasq", "echo 'Dnsmasq version 2.90'");
		const systemctl = host.read("/bin/systemctl") ?? "";
		host.command(
			"systemctl",
			`[ "$1" != reload ] || printf '# Generated by NetworkManager\nnameserver 127.0.0.1\n' >$root/etc/resolv.conf
${systemctl}`,
		);
		const { stdout } = await apply(desired({ method: "auto" }));
		expect(JSON.parse(stdout)).toMatchObject({ result: "applied", dnsMethod: "networkmanager" });
		expect(host.read(RESOLV_CONF)).toBe("# Generated by NetworkManager\nnameserver 127.0.0.1\n");
	});

	test("that loses the names reads its configuration again, by the timer as by apply", async () => {
		host.running("dnsmasq");
		host.write("/etc/dnsmasq.conf", `conf-dir=${host.root}/etc/dnsmasq.d\n`);
		host.write("/etc/dnsmasq.d/README", "");
		host.write(RESOLV_CONF, "nameserver 127.0.0.1\n");
		expect(JSON.parse((await apply(desired({ method: "auto" }))).stdout)).toMatchObject({ dnsMethod: "dnsmasq" });
		host.command("systemctl", `echo "$*" >>$root/asked\n${host.read("/bin/systemctl")}`);
		host.write(RESOLV_CONF, "nameserver 10.200.0.3\n");
		await host.run(SCRIPT, ["reapply"]);
		expect(host.read("/asked")).not.toContain("restart");
		await host.run(SCRIPT, ["reapply"]);
		expect(host.read("/asked")).toMatch(/^try-restart dnsmasq$/m);
		expect(host.read("/etc/dnsmasq.d/pod-gateway.conf")).toBeUndefined();
		expect(host.read(`${STATE}/lab/method`)).toBe("resolvconf\n");
	});

	test("is refused where programs ask systemd-resolved whatever the file says, because it would ask either nameserver", async () => {
		host.running("systemd-resolved");
		host.write("/etc/nsswitch.conf", "hosts: files resolve [!UNAVAIL=return] dns\n");
		const before = files();
		const { exitCode, stderr } = await apply(desired({ method: "auto" }));
		expect(stderr).toMatch(
			/programs ask systemd-resolved here \(resolve in \S+nsswitch\.conf\), whatever .* says; link that to/,
		);
		expect(exitCode).toBe(2);
		expect(files()).toEqual(before);
		host.write("/etc/nsswitch.conf", "hosts: files dns\n");
		expect(JSON.parse((await apply(desired({ method: "auto" }))).stdout)).toMatchObject({ dnsMethod: "resolvconf" });
	});

	test("is systemd-resolved: global nameservers in its settings are refused, those from the earlier file are not", async () => {
		host.running("systemd-resolved");
		host.command("resolvectl", '[ "$1" != dns ] || echo "Global: 10.200.0.3"');
		host.write("/run/systemd/resolve/stub-resolv.conf", STUB);
		rmSync(join(host.root, RESOLV_CONF));
		symlinkSync("../run/systemd/resolve/stub-resolv.conf", join(host.root, RESOLV_CONF));
		host.write("/etc/systemd/resolved.conf.d/site.conf", "[Resolve]\nDNS=10.200.0.3#ns.example\n");
		const { exitCode, stderr } = await apply(desired({ method: "auto" }));
		expect(stderr).toContain("systemd-resolved has global nameservers (10.200.0.3)");
		expect(exitCode).toBe(2);
		host.write("/etc/systemd/resolved.conf.d/site.conf", "[Resolve]\nDNSSEC=no\n");
		expect(JSON.parse((await apply(desired({ method: "auto" }))).stdout)).toMatchObject({ dnsMethod: "resolved" });
	});

	test("is netconfig (SLES): a warning says what it will no longer do", async () => {
		host.write(
			RESOLV_CONF,
			"### /etc/resolv.conf is a symlink to /run/netconfig/resolv.conf\n### autogenerated by netconfig!\nnameserver 10.200.0.3\n",
		);
		const { exitCode, stderr } = await apply(desired({ method: "auto" }));
		expect(stderr).toMatch(
			/warning: netconfig leaves \S+ alone once it was changed, .*: run netconfig update -f then; or/,
		);
		expect(exitCode).toBe(0);
		expect((await apply(desired({ method: "auto" }))).stderr).not.toContain("netconfig");
	});

	test("is not systemd-resolved where programs ask past its stub", async () => {
		host.running("systemd-resolved");
		host.command("resolvectl", "exit 0");
		host.write("/run/systemd/resolve/resolv.conf", "nameserver 10.200.0.3\n");
		execFileSync("ln", ["-sfn", join(host.root, "run/systemd/resolve/resolv.conf"), join(host.root, RESOLV_CONF)]);
		const { exitCode, stderr } = await apply(desired({ method: "auto" }));
		expect(stderr).toContain("list of nameservers and not to its stub");
		expect(exitCode).toBe(2);
		host.write("/etc/nsswitch.conf", "hosts: files resolve [!UNAVAIL=return] dns\n");
		expect((await apply(desired({ method: "auto" }))).exitCode).toBe(0);
	});
});

describe("each tool is tried before any change, and its own words are shown", () => {
	test("systemd-resolved that runs and does not answer", async () => {
		host.running("systemd-resolved");
		host.write(RESOLV_CONF, "nameserver 127.0.0.53\n");
		const before = files();
		const refused = async (words: string) => {
			const { exitCode, stderr } = await apply(desired({ method: "auto" }));
			expect(stderr).toContain(`systemd-resolved runs here and cannot be asked (resolvectl dns: ${words}`);
			expect(exitCode).toBe(2);
			expect(files()).toEqual(before);
		};
		await refused("timeout: failed to run command 'resolvectl': No such file or directory");
		host.command("resolvectl", "echo 'Failed to get global data: Connection timed out' >&2; exit 1");
		await refused("Failed to get global data: Connection timed out)");
	});

	test("a dnsmasq that NetworkManager would start, and that does not run", async () => {
		host.running("NetworkManager");
		host.write(RESOLV_CONF, "# Generated by NetworkManager\nnameserver 10.200.0.3\n");
		host.command("dnsmasq", "echo 'dnsmasq: error while loading shared libraries: libnettle.so.8' >&2; exit 127");
		const before = files();
		const { exitCode, stderr } = await apply(desired({ method: "auto" }));
		expect(stderr).toContain("does not run: dnsmasq: error while loading shared libraries: libnettle.so.8; mend");
		expect(exitCode).toBe(2);
		expect(files()).toEqual(before);
		host.command("dnsmasq", "echo 'Dnsmasq version 2.90'");
		expect((await apply(desired({ method: "auto" }))).exitCode).toBe(0);
	});
});

describe("no route may cover the address of an SSH login", () => {
	const header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
	/** Lines of a little-endian machine's kernel: for port 22 and another one, established and waiting. */
	const tables = {
		"/proc/net/tcp": `${header}
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 1F00C80A:0016 0700610A:D431 01 00000000:00000000 02:000A7214 00000000     0        0 2
   2: 1F00C80A:1538 0700620A:D432 01 00000000:00000000 02:000A7214 00000000     0        0 3
   3: 1F00C80A:0016 0700620A:D433 06 00000000:00000000 02:000A7214 00000000     0        0 4
`,
		"/proc/net/tcp6": `${header}
   0: 0000000000000000FFFF00001F00C80A:0016 0000000000000000FFFF00000700630A:D434 01 00000000:00000000 02:0 00000000 0 0 5
   1: 000200FD000000000000000031000000:0016 090000FD100000000000000001000000:D435 01 00000000:00000000 02:0 00000000 0 0 6
`,
	};
	const own = [
		["10.97.0.0/16 via 10.200.0.20", "10.97.0.7"],
		["10.99.0.0/16 via 10.200.0.20", "10.99.0.7"],
		["fd00:9::/32 via fd00:200::20", "fd00:9:0:10::1"],
	] as const;
	const refused = async () => {
		for (const [route, peer] of own) {
			const { exitCode, stderr } = await judge(route);
			expect(stderr).toContain(`covers ${peer}, who is logged in here by SSH`);
			expect(exitCode).toBe(2);
		}
		expect((await judge("10.98.0.0/16 via 10.200.0.20")).stderr).toBe("");
	};
	const fill = () => {
		const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
		for (const [path, text] of Object.entries(tables)) {
			const swapped = text.replace(/\b([0-9A-F]{8}|[0-9A-F]{32})(?=:[0-9A-F]{4} )/g, (words) =>
				words.replace(/(..)(..)(..)(..)/g, "$4$3$2$1"),
			);
			host.write(path, little ? text : swapped);
		}
	};

	test("as ss reports it", async () => {
		host.command(
			"ss",
			`echo '0 0 10.200.0.31:22 10.97.0.7:54321'
echo '0 0 [::ffff:10.200.0.31]:22 [::ffff:10.99.0.7]:54322'
echo '0 0 [fd00:200::31]:22 [fd00:9:0:10::1]:54323'`,
		);
		await refused();
	});

	test("as the kernel reports it, if there is no ss", async () => {
		fill();
		await refused();
	});

	test("as the kernel reports it, if ss fails", async () => {
		host.command("ss", "echo 'Cannot open netlink socket: Operation not permitted' >&2; exit 1");
		fill();
		await refused();
	});

	test("and if nothing reports it, no route is set", async () => {
		rmSync(join(host.root, "proc/net/tcp"));
		const { exitCode, stderr } = await apply(desired());
		expect(stderr).toContain(
			"refused, nothing was changed: its nameservers, or who is logged in here by SSH, cannot be read",
		);
		expect(exitCode).toBe(2);
	});
});

describe("a failed verification says why, in the words of the tool", () => {
	const state = desired({ method: "none", verify: "strict", more: "verify-pods web.cluster.local 192.244.0.0/16\n" });
	// The clock leaps, so that the time is over at once.
	const hurry = () => host.write("/proc/uptime", "1000.00 1\n");

	test.each([
		[
			"cannot ask",
			"echo 'ping: socket: Operation not permitted' >&2; exit 2",
			" (ping: socket: Operation not permitted)",
		],
		[
			"hears from a router",
			"echo 'From 10.200.0.20 icmp_seq=1 Destination Host Prohibited'; exit 1",
			" (From 10.200.0.20 icmp_seq=1 Destination Host Prohibited)",
		],
		["hears nothing", "echo; echo '1 packets transmitted, 0 received, 100% packet loss'; exit 1", ""],
	])("a ping that %s", async (_, ping, why) => {
		hurry();
		host.command("getent", "echo 192.244.0.5 STREAM");
		host.command("ping", `echo 2000.00 1 >$root/proc/uptime\n${ping}`);
		const { stderr, stdout } = await apply(state);
		expect(stderr).toContain(`192.244.0.5, a pod of web.cluster.local, does not answer${why}\n`);
		expect(JSON.parse(stdout)).toEqual({ result: "rolled-back" });
	});

	test.each([
		["refuses the connection", "echo 'bash: connect: Connection refused' >&2", " (bash: connect: Connection refused)"],
		["answers SERVFAIL", "printf 'PG\\201\\202\\000\\001'", " (it answers SERVFAIL: it cannot look that up itself)"],
		["answers that it knows no such name", "printf 'PG\\201\\203\\000\\001'", " (it answers with the error code 3)"],
		["is another program", "printf 'SSH-2.'", " (the reply is not a nameserver's: 5353482d322e)"],
		["is silent", "exit 124", ""],
	])("a nameserver that %s", async (_, bash, why) => {
		hurry();
		host.command("bash", `echo 2000.00 1 >$root/proc/uptime\n${bash}`);
		const { stderr, stdout } = await apply(
			state.replace("verify-pods web.cluster.local 192.244.0.0/16", "verify-name web.cluster.local 192.96.0.0/16"),
		);
		expect(stderr).toContain(`the nameserver 192.96.0.10 does not answer on port 53 by udp${why}\n`);
		expect(JSON.parse(stdout)).toEqual({ result: "rolled-back" });
	});
});

describe("a VPN that claims all names on systemd-resolved", () => {
	beforeEach(() => {
		host.running("systemd-resolved");
		host.write(RESOLV_CONF, "nameserver 127.0.0.53\n");
		// A file has a link's domains. A link without a file does not exist.
		host.write("/links/2-eth0", "site.example");
		host.command(
			"resolvectl",
			`if [ $# -ge 3 ]; then link=$2; shift 2; echo "$*" >"$(echo $root/links/*-$link)"; exit; fi
for file in $root/links/*; do
	name=\${file##*/}
	[ -z "\${2:-}" ] || [ "\${name#*-}" = "$2" ] || continue
	case $1 in dns) value=10.200.0.3 ;; default-route) value=yes ;; domain) read -r value <"$file" || : ;; esac
	echo "Link \${name%-*} (\${name#*-}): $value"
done`,
		);
	});
	const links = () => ["2-eth0", "3-tun0"].map((name) => host.read(`/links/${name}`)?.trim());

	test("stays the only one that is asked for them", async () => {
		host.write("/links/3-tun0", "~.\n");
		expect((await apply(desired({ method: "auto" }))).exitCode).toBe(0);
		expect(links()).toEqual(["site.example", "~."]);
	});

	test("gets them when it comes up later, and loses them when it goes down", async () => {
		expect((await apply(desired({ method: "auto" }))).exitCode).toBe(0);
		expect(links()).toEqual(["site.example ~.", undefined]);
		host.write("/links/3-tun0", "~.\n");
		await host.run(SCRIPT, ["reapply"]);
		expect(links()).toEqual(["site.example", "~."]);
		rmSync(join(host.root, "links/3-tun0"));
		await host.run(SCRIPT, ["reapply"]);
		expect(links()).toEqual(["site.example ~.", undefined]);
	});
});

describe("dnsmasq", () => {
	beforeEach(() => {
		host.running("dnsmasq");
		host.write("/etc/dnsmasq.d/README", "");
		host.write(RESOLV_CONF, "nameserver 127.0.0.1\n");
	});

	test("that does not read its folder is refused", async () => {
		host.write("/etc/dnsmasq.conf", "no-resolv\nserver=192.0.2.53\n");
		const { exitCode, stderr } = await apply(desired({ method: "auto" }));
		expect(stderr).toContain("dnsmasq does not read");
		expect(exitCode).toBe(2);
	});

	test("takes the cluster's private answers, also with stop-dns-rebind", async () => {
		host.write("/etc/dnsmasq.conf", `stop-dns-rebind\nconf-dir=${host.root}/etc/dnsmasq.d,*.conf\n`);
		expect((await apply(desired({ method: "auto" }))).exitCode).toBe(0);
		const written = host.read("/etc/dnsmasq.d/pod-gateway.conf") ?? "";
		expect(written.split("\n").slice(1)).toEqual([
			"server=/cluster.local/192.96.0.10",
			"rebind-domain-ok=/cluster.local/",
			"",
		]);
		expect(readdirSync(join(host.root, "etc/dnsmasq.d")).sort()).toEqual(["README", "pod-gateway.conf"]);
	});

	test("that accepts the configuration and drops the answers is named in the message", async () => {
		host.write("/etc/dnsmasq.conf", `conf-dir=${host.root}/etc/dnsmasq.d,*.conf\n`);
		host.write("/proc/uptime", "1000.00 1\n");
		host.command("getent", "echo 2000.00 1 >$root/proc/uptime; exit 2");
		const state = desired({ method: "auto", verify: "strict", more: "verify-name web.cluster.local 192.96.0.0/16\n" });
		const { stdout, stderr } = await apply(state);
		expect(stderr).toContain("web.cluster.local does not resolve to addresses in 192.96.0.0/16 (got: nothing)");
		expect(stderr).toContain("look at what dnsmasq made of its answer: journalctl -u dnsmasq");
		expect(JSON.parse(stdout)).toEqual({ result: "rolled-back" });
	});

	test("has the names of two stacks, each with its own nameserver", async () => {
		host.write("/etc/dnsmasq.conf", `conf-dir=${host.root}/etc/dnsmasq.d,*.conf\n`);
		await apply(desired({ method: "auto" }));
		const other = desired({ stack: "prod", method: "auto" })
			.replace("cluster.local", "prod.local")
			.replace("192.96.0.10", "192.97.0.10");
		const { stdout } = await apply(other);
		expect(JSON.parse(stdout)).toMatchObject({ result: "applied", stacks: ["lab", "prod"] });
		expect(host.read("/etc/dnsmasq.d/pod-gateway.conf")).toMatch(
			/^# .*stacks lab prod.*\nserver=\/cluster\.local\/192\.96\.0\.10\n.*\nserver=\/prod\.local\/192\.97\.0\.10\n/,
		);
		expect((await host.run(SCRIPT, ["restore"])).exitCode).toBe(2);
		expect((await host.run(SCRIPT, ["restore", "--stack", "lab"])).exitCode).toBe(0);
		expect(host.read("/etc/dnsmasq.d/pod-gateway.conf")).not.toContain("cluster.local");
		expect(JSON.parse((await apply(other)).stdout)).toMatchObject({ result: "unchanged", stacks: ["prod"] });
		const { stderr } = await host.run(SCRIPT, ["restore"]);
		expect(stderr).toContain("nothing of pod-gateway is left");
		expect(stderr).not.toContain("was edited");
	});
});

describe("a second stack", () => {
	beforeEach(async () => {
		await apply(desired({ more: "route 192.244.32.0/26 via 10.200.0.20\n" }).replace(/^route .*\n/m, ""));
	});

	test("is refused if the owner cannot keep the names apart, and is accepted without names", async () => {
		const refused = await apply(desired({ stack: "prod" }).replace("cluster.local", "prod.local"));
		expect(refused.stderr).toMatch(
			/the stack lab uses resolvconf for its names here, which cannot keep two clusters' names apart/,
		);
		expect(refused.exitCode).toBe(2);
		const { stdout } = await apply(desired({ stack: "prod", method: "none" }));
		expect(JSON.parse(stdout)).toMatchObject({ result: "applied", dnsMethod: "none", stacks: ["lab", "prod"] });
		expect(host.read(RESOLV_CONF)).toContain("nameserver 192.96.0.10");
		expect((await host.run(SCRIPT, ["status"])).stdout).toMatch(/# stack lab, [\s\S]*# stack prod, /);
	});

	test("may not overlap a route of the first one, which the message names", async () => {
		host.write(`${STATE}/lab/desired`, desired({ more: "route 192.244.0.0/16 via 10.200.0.20\n" }));
		const { exitCode, stderr } = await apply(
			desired({ stack: "prod", method: "none", more: "route 192.244.32.0/26 via 10.200.0.20\n" }),
			"--dry-run",
		);
		expect(stderr).toContain("the route 192.244.32.0/26 overlaps 192.244.0.0/16 of the stack lab");
		expect(exitCode).toBe(2);
	});
});

describe("the state of a version that knew one stack", () => {
	const old = desired();

	beforeEach(() => {
		host.write(`${STATE}/desired`, old);
		host.write(`${STATE}/method`, "resolvconf\n");
		host.write(`${STATE}/record.json`, '{"at":"2026-01-31T12:00:00Z"}\n');
		host.write(`${STATE}/written`, "");
		host.write(
			RESOLV_CONF,
			"# pod-gateway begin: written\nnameserver 192.96.0.10\noptions timeout:1 attempts:2\n# pod-gateway end\nnameserver 10.200.0.3\n",
		);
	});

	test("is moved by the next apply", async () => {
		const { stdout } = await apply(old);
		expect(JSON.parse(stdout)).toMatchObject({ result: "applied" });
		expect(readdirSync(join(host.root, STATE)).sort()).toEqual([".written", "lab"]);
		expect(readdirSync(join(host.root, STATE, "lab")).sort()).toEqual(["desired", "method", "record.json"]);
		const before = createHash("sha256").update(old).digest("hex");
		expect(JSON.parse(host.read(`${STATE}/lab/record.json`) ?? "")).toMatchObject({ before, after: before });
	});

	test("is moved by an apply of another stack, too", async () => {
		await apply(desired({ stack: "prod", method: "none" }));
		expect(readdirSync(join(host.root, STATE)).sort()).toEqual([".written", "lab", "prod"]);
		expect(host.read(`${STATE}/lab/record.json`)).toBe('{"at":"2026-01-31T12:00:00Z"}\n');
	});

	test("is restored as it is", async () => {
		expect((await host.run(SCRIPT, ["restore"])).exitCode).toBe(0);
		expect(host.read(RESOLV_CONF)).toBe("nameserver 10.200.0.3\n");
		expect(existsSync(join(host.root, STATE))).toBe(false);
	});
});

describe("sudo that does not let this command through", () => {
	beforeEach(() => host.command("id", '[ "$1" = -u ] && echo 1000 || echo netops'));

	test.each([
		["a later rule that asks for a password", "sudo: a password is required"],
		["requiretty", "sudo: sorry, you must have a tty to run sudo"],
	])("%s: its own words are shown, and nothing is done", async (_, words) => {
		host.command("sudo", `case " $* " in *" -l "*) exit 0 ;; *) echo '${words}' >&2; exit 1 ;; esac`);
		const { exitCode, stdout, stderr } = await apply(desired());
		expect(stderr).toContain(words);
		expect(exitCode).toBe(2);
		expect(JSON.parse(stdout)).toEqual({ result: "refused" });
	});

	test("sudo-rs does not support wildcards in arguments, and gets a rule without them", async () => {
		host.command("sudo", 'case "$*" in --version) echo "sudo-rs 0.2.8" >&2 ;; *) exit 1 ;; esac');
		const { stderr } = await apply(desired());
		expect(stderr).toMatch(
			/^netops ALL=\(root\) NOPASSWD: \/\S+\/\.pod-gateway-host-\*, \/\S+\/usr\/local\/sbin\/pod-gateway-host$/m,
		);
	});

	test("sudo-rs with that rule runs the script of another user by its name", async () => {
		host.command("chmod", "exit 1");
		host.command("sudo", `[ "$2" != /bin/sh ] || exit 1\nshift\necho "$@" >>$root/asked`);
		await host.run(SCRIPT, ["reapply"]);
		expect(host.read("/asked")).toBe(`${host.root}/${SCRIPT} help\n${host.root}/${SCRIPT} reapply\n`);
	});

	test("the rule names the folder that the script is in, whatever links lead there", async () => {
		const { stderr } = await apply(desired());
		expect(stderr).toContain(`NOPASSWD: /bin/sh ${host.root}/.pod-gateway-host-*`);
	});
});

test("sh runs the installed script, as it runs the upload", async () => {
	await apply(desired());
	expect(host.read("/etc/systemd/system/pod-gateway.service")).toMatch(
		/^ExecStart=\/bin\/sh \S+pod-gateway-host reapply$/m,
	);
});

test("temporary files of a run that died are gone after the next one", async () => {
	await apply(desired());
	for (const path of ["/etc/dnsmasq.d/pod-gateway.conf.pod-gateway", "/etc/.resolv.conf.pod-gateway-new"])
		host.write(path, "server=/x/192.0.2.1\n");
	await host.run(SCRIPT, ["reapply"]);
	expect(files().filter((name) => /\.pod-gateway(-new|-old)?$/.test(name))).toEqual([]);
});

test("many blocks and pods: one message, cut after eight names", async () => {
	const blocks = Array.from({ length: 40 }, (_, index) => `route 192.244.${index}.0/26 via 10.200.0.20\n`).join("");
	// A kernel that accepts every route.
	host.command(
		"ip",
		`case "$*" in
*addr*) echo '2: eth0 inet 10.200.0.31/24' ;;
*get*) echo "$4 dev eth0" ;;
*batch*) sed -n 's/^route [a-z]* \\(.*\\) proto 157/\\1/p' "$3" >>$root/kernel ;;
*'-4 route show'*) cat $root/kernel ;;
esac`,
	);
	host.write("/kernel", "");
	host.command("ping", "exit 0");
	host.command("getent", "echo 192.244.0.5 STREAM; echo 192.244.1.5 STREAM");
	const { exitCode, stderr } = await apply(
		desired({ method: "none", verify: "strict", more: `${blocks}verify-pods web.cluster.local 192.244.0.0/16\n` }),
	);
	expect(stderr).toMatch(/no pod was probed behind( 192\.244\.\d+\.0\/26){8} and 30 more\n/);
	expect(exitCode).toBe(0);
});
