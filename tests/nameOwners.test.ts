import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { copyIn, exec, writeFile } from "../lab/host.ts";
import { namespaceOf } from "../lab/machines.ts";
import { type PhysicalServerMachine, type ServerKind, site } from "../lab/site.ts";
import { type Footprint, footprint } from "./footprint.ts";
import { onEvery } from "./onEvery.ts";
import { goOn, pause, waitUntilPaused } from "./pausedScript.ts";
import { beginOf, script, scriptWith } from "./transactionCuts.ts";

const uploaded = "/usr/local/lib/pod-gateway-host-test";
const installed = "/usr/local/sbin/pod-gateway-host";
const { servers } = site;
type Server = PhysicalServerMachine;

/** Seconds after which names have to be where they belong, whatever an admin did. */
const WITHIN = 120;

/** Replaces the cluster's nameserver. It knows one pod, and asks the site for all other names. */
const cluster = {
	nameserver: "10.200.0.53",
	name: `web-0.web.default.svc.${site.clusterDomain}`,
	address: "192.244.32.5",
};
/** A VPN from the server to the site's resolver. Its nameserver has the same answer for every name. */
const vpn = { server: "10.210.0.2", nameserver: "10.210.0.1", address: "10.210.0.99" };

function desired({ name }: Server): string {
	return `pod-gateway 1
stack lab
server ${name}
route 192.244.32.0/26 via ${site.gateway.address}
dns-method auto
nameserver ${cluster.nameserver}
domain ${site.clusterDomain}
verify off
rollback-after 60
`;
}

function resolvedServer(): Server {
	const server = servers.find(({ kind }) => kind === "resolved");
	if (!server) throw new Error("the lab has no server with systemd-resolved");
	return server;
}

const sh = (server: string, text: string) => exec(server, ["sh", "-ec", text]);
const apply = async (server: Server) => {
	await copyIn(server.name, script, uploaded);
	return exec(server.name, ["sh", uploaded, "apply"], { input: desired(server), check: false });
};
const restore = ({ name }: Server) =>
	exec(name, ["sh", "-c", `[ ! -e ${installed} ] || exec ${installed} restore`], { check: false });

/** The address that the server's programs get for a name, without its resolver's cache; empty if the name is not known. */
async function lookUp({ name: server }: Server, name: string): Promise<string> {
	const text = `resolvectl flush-caches 2>/dev/null; timeout 5 getent ahostsv4 ${name} | awk 'NR == 1 { print $1 }'`;
	return (await exec(server, ["sh", "-c", text], { check: false })).stdout;
}

/** A second nameserver on the resolver's machine. */
async function startNameserver(unit: string, address: string, ...options: string[]): Promise<void> {
	await exec(site.resolver.name, [
		...["systemd-run", "--quiet", "--collect", `--unit=${unit}`, "dnsmasq", "--keep-in-foreground"],
		...["--conf-file=/dev/null", "--pid-file=", "--no-hosts", "--no-resolv", "--bind-interfaces"],
		...[`--listen-address=${address}`, ...options],
	]);
}

beforeAll(async () => {
	if (inject("noLab") !== undefined) return;
	await sh(site.resolver.name, `ip address add ${cluster.nameserver}/32 dev eth0 || :`);
	const known = `--address=/${site.clusterDomain}/${cluster.address}`;
	await startNameserver("cluster-names", cluster.nameserver, known, `--server=${site.resolver.address}`);
});

afterAll(async () => {
	if (inject("noLab") !== undefined) return;
	await sh(site.resolver.name, `systemctl stop cluster-names; ip address del ${cluster.nameserver}/32 dev eth0`);
});

/** What an admin may do to the owner of resolv.conf between two runs. */
interface Change {
	readonly title: string;
	/** Shell: brings the server to its first state, if that is not how the lab boots it. */
	readonly first?: string;
	/** Shell: what the admin does. */
	readonly admin: string;
	/** The method for names afterwards, or why the next apply refuses. */
	readonly ends: string | RegExp;
}

const OWNER_FILES =
	"/etc/systemd/system /etc/NetworkManager /etc/dnsmasq.d /etc/network /etc/dhcpcd.conf /etc/resolv.conf /etc/resolv.conf.site";
const KEEP = `rm -rf /run/kept; mkdir /run/kept
for path in ${OWNER_FILES}; do [ ! -e $path ] && [ ! -L $path ] || cp -a --parents $path /run/kept; done`;
/** Shell: brings back the files of {@link KEEP}. What follows it has to start the services. */
const BACK = `rm -rf ${OWNER_FILES}; cp -a /run/kept/etc /; systemctl daemon-reload`;

const PLAIN = `rm -f /etc/resolv.conf; printf '# by the admin\\nnameserver ${site.resolver.address}\\n' >/etc/resolv.conf`;
const STUB = "ln -sfn ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf";
const LOCAL = "printf '# by the admin\\nnameserver 127.0.0.1\\n' >/etc/resolv.conf";
const LEAVE_NAMES = `printf '[main]\\ndns=none\\n' >/etc/NetworkManager/conf.d/10-admin.conf; systemctl reload NetworkManager; sleep 1; ${PLAIN}`;

const resolvedOff = `systemctl disable --now systemd-resolved 2>/dev/null; ${PLAIN}`;
const disabledResolved: Change = { title: "disabled, a file in its place", admin: resolvedOff, ends: "resolvconf" };
const enabledResolved: Change = {
	title: "(a file) enabled, its link in place",
	first: resolvedOff,
	admin: `systemctl enable --now systemd-resolved 2>/dev/null; ${STUB}`,
	ends: "resolved",
};
const changes: Readonly<Record<ServerKind, readonly Change[]>> = {
	resolved: [
		disabledResolved,
		enabledResolved,
		{
			title: "still runs and is asked (nsswitch.conf), but resolv.conf is a file",
			admin: PLAIN,
			ends: /programs ask systemd-resolved/,
		},
		{
			title: "stopped, its link still there",
			admin: "systemctl stop systemd-resolved",
			ends: /is a file of systemd-resolved's own .* start systemd-resolved and set dns\.method to auto/,
		},
	],
	netplan: [
		disabledResolved,
		enabledResolved,
		{
			title: "masked, its link still there",
			admin: "systemctl mask --now systemd-resolved 2>/dev/null",
			ends: /is a file of systemd-resolved's own .* start systemd-resolved and set dns\.method to auto/,
		},
	],
	networkmanager: [
		{ title: "set to leave names alone (dns=none), a file in its place", admin: LEAVE_NAMES, ends: "resolvconf" },
		{
			title: "(dns=none) set to decide again",
			first: LEAVE_NAMES,
			admin: "rm /etc/NetworkManager/conf.d/10-admin.conf; systemctl reload NetworkManager",
			ends: "networkmanager",
		},
		{
			title: "disabled, a file in its place",
			admin: `systemctl disable --now NetworkManager 2>/dev/null; ${PLAIN}`,
			ends: "resolvconf",
		},
		{
			title: "set to leave names alone, a dnsmasq in its place",
			admin: `${LEAVE_NAMES}
mkdir -p /etc/dnsmasq.d
printf '[Unit]\\nStartLimitIntervalSec=0\\n[Service]\\nRestart=on-failure\\nRestartSec=2\\nExecStart=/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/dev/null --conf-dir=/etc/dnsmasq.d --no-resolv --server=${site.resolver.address} --bind-interfaces --listen-address=127.0.0.1\\n' >/etc/systemd/system/dnsmasq.service
systemctl daemon-reload; systemctl start dnsmasq; ${LOCAL}`,
			ends: "dnsmasq",
		},
	],
	dnsmasq: [
		{
			title: "disabled, a file in its place",
			admin: `systemctl disable --now dnsmasq 2>/dev/null; ${PLAIN}`,
			ends: "resolvconf",
		},
		{
			title: "(a file) enabled, named in the file",
			first: `systemctl disable --now dnsmasq 2>/dev/null; ${PLAIN}`,
			admin: `systemctl enable --now dnsmasq 2>/dev/null; ${LOCAL}`,
			ends: "dnsmasq",
		},
		{ title: "still runs, another nameserver in the file", admin: PLAIN, ends: "resolvconf" },
	],
	ifupdown: [
		{ title: "the file rewritten", admin: PLAIN, ends: "resolvconf" },
		{
			title: "a link to another file",
			admin: `${PLAIN}; mv /etc/resolv.conf /etc/resolv.conf.site; ln -s resolv.conf.site /etc/resolv.conf`,
			ends: "resolvconf",
		},
	],
	dhcp: [
		{
			title: "dhcpcd set to leave names alone, a file in its place",
			admin: `echo nohook resolv.conf >>/etc/dhcpcd.conf; ifdown eth0; ifup eth0; ${PLAIN}`,
			ends: "resolvconf",
		},
		{
			title: "dhcpcd set to leave names alone, a link in its place",
			admin: `echo nohook resolv.conf >>/etc/dhcpcd.conf; ifdown eth0; ifup eth0
${PLAIN}; mv /etc/resolv.conf /etc/resolv.conf.site; ln -s resolv.conf.site /etc/resolv.conf`,
			ends: "resolvconf",
		},
	],
};
/** Shell: starts each server's own services as the lab boots them. */
const START: Readonly<Record<ServerKind, string>> = {
	resolved: "systemctl restart systemd-resolved",
	netplan: "systemctl restart systemd-resolved",
	networkmanager: "systemctl stop dnsmasq 2>/dev/null || :; systemctl restart NetworkManager; nm-online -q -t 10",
	dnsmasq: "systemctl restart dnsmasq",
	ifupdown: ":",
	dhcp: "ifdown eth0; ifup eth0",
};

/** How the server notices the change. */
type Way = "the timer" | "its service" | "the next apply" | "restore alone";

interface State extends Footprint {
	readonly services: string;
	readonly known: string;
	readonly links: string;
}

/** The server's footprint with its services, its links' domains, and whether it knows the site's names. */
async function stateOf(server: Server): Promise<State> {
	const services =
		"systemctl is-active systemd-resolved NetworkManager dnsmasq; systemctl is-enabled systemd-resolved NetworkManager dnsmasq";
	return {
		...(await footprint(server.name)),
		services: (await exec(server.name, ["sh", "-c", `{ ${services}; } 2>/dev/null`], { check: false })).stdout,
		known: await lookUp(server, site.outsideName.name),
		links: (
			await exec(
				server.name,
				["sh", "-c", "cat /run/systemd/netif/links/* | grep DOMAINS; cat /run/systemd/resolve/netif/*"],
				{
					check: false,
				},
			)
		).stdout,
	};
}

describe.skipIf(inject("noLab") !== undefined)(
	"an admin changes the owner of resolv.conf between two runs",
	{ timeout: 600_000 },
	() => {
		const table: string[] = [];

		afterAll(() => {
			process.stderr.write(`\nserver | change | noticed by | names | after restore\n${table.sort().join("\n")}\n`);
		});

		/** Makes one change on one server: once without a deployment, to see the admin's result, and once for each way. */
		async function goThrough(server: Server, change: Change): Promise<void> {
			const { name, kind } = server;
			const { title, first = ":", admin } = change;
			// For each kind, one change waits for the real timer.
			const byItself = change === changes[kind][0] ? "the timer" : "its service";
			const again = `${BACK}; ${START[kind]}`;
			await sh(name, KEEP);
			try {
				await sh(name, `${first}\n${admin}`);
				const admins = await stateOf(server);
				for (const way of [byItself, "the next apply", "restore alone"] as const) {
					const told = `${name}, ${title}, ${way}`;
					await sh(name, `${again}\n${first}`);
					const deployed = await apply(server);
					expect(deployed.exitCode, `${told}: ${deployed.stderr}`).toBe(0);
					await sh(name, admin);
					const names = way === "restore alone" ? "-" : await noticed(server, way, change, told);
					const { stdout, stderr } = await restore(server);
					expect(stdout, `${told}: ${stderr}`).toContain('"restored"');
					await expect.poll(() => stateOf(server), { timeout: 20_000, message: told }).toEqual(admins);
					table.push(`${kind} | ${title} | ${way} | ${names} | as the admin made it`);
				}
			} finally {
				await restore(server);
				await sh(name, again);
			}
		}

		/** Waits until the names are where they belong after the change, or until the reason is given. @returns what happened */
		async function noticed(server: Server, way: Way, { ends }: Change, told: string): Promise<string> {
			const begin = Date.now();
			const soon = { timeout: WITHIN * 1000, interval: 500, message: told };
			const ask = async (...argv: string[]) => {
				// Starts what the timer would start, without a wait of 15 s.
				if (way === "its service")
					await exec(server.name, ["systemctl", "start", "pod-gateway.service"], { check: false });
				return (await exec(server.name, argv, { check: false })).stdout;
			};
			if (way === "the next apply") {
				const { exitCode, stdout, stderr } = await apply(server);
				if (typeof ends !== "string") {
					expect(stderr, told).toMatch(ends);
					expect(exitCode, told).toBe(2);
					return `refused: ${ends.exec(stderr)}`;
				}
				expect(stdout, `${told}: ${stderr}`).toMatch(/"result":"(applied|unchanged)"/);
			} else if (typeof ends !== "string") {
				const since = `--since=@${Math.floor(begin / 1000)}`;
				await expect
					.poll(() => ask("journalctl", "-u", "pod-gateway.service", since), soon)
					.toMatch(/\w+ cannot take the names of the cluster here; the next pulumi up says what to do/);
				return "said in the journal";
			}
			await expect.poll(() => ask("cat", "/var/lib/pod-gateway/lab/method"), soon).toBe(ends);
			await expect.poll(() => lookUp(server, cluster.name), soon).toBe(cluster.address);
			await expect.poll(() => lookUp(server, site.outsideName.name), soon).toBe(site.outsideName.address);
			return `by ${ends} after ${((Date.now() - begin) / 1000).toFixed(0)} s`;
		}

		test("the names move to the new owner, or the reason is given, and restore leaves the admin's state", () =>
			onEvery(async (server) => {
				for (const change of changes[server.kind]) await goThrough(server, change);
			}));
	},
);

describe.skipIf(inject("noLab") !== undefined)(
	"a VPN that claims all names, on systemd-resolved",
	{ timeout: 300_000 },
	() => {
		const server = resolvedServer();

		/** A cable replaces the tunnel. The server's end is a link with a nameserver, and claims all names. */
		async function connect({ name }: Server): Promise<void> {
			const [here, there] = [namespaceOf(name), namespaceOf(site.resolver.name)];
			await execa("ip", ["link", "add", "vpn0", "netns", here, "type", "veth", "peer", "name", "vpn0", "netns", there]);
			await sh(site.resolver.name, `ip address add ${vpn.nameserver}/30 dev vpn0; ip link set vpn0 up`);
			await startNameserver("vpn-names", vpn.nameserver, `--address=/#/${vpn.address}`);
			await sh(
				name,
				`ip address add ${vpn.server}/30 dev vpn0; ip link set vpn0 up
resolvectl dns vpn0 ${vpn.nameserver}; resolvectl domain vpn0 '~.'`,
			);
		}
		async function disconnect({ name }: Server): Promise<void> {
			await exec(name, ["ip", "link", "delete", "vpn0"], { check: false });
			await exec(site.resolver.name, ["systemctl", "stop", "vpn-names"], { check: false });
		}
		/** Who answers for the cluster's names, and who for all others. */
		const asked = async () => {
			const [inside, outside] = [await lookUp(server, cluster.name), await lookUp(server, site.outsideName.name)];
			const who = {
				[cluster.address]: "the cluster",
				[vpn.address]: "the VPN",
				[site.outsideName.address]: "the site",
			};
			return [who[inside] ?? inside, who[outside] ?? outside];
		};
		const soon = { timeout: WITHIN * 1000, interval: 500 };
		const domains = async () => (await exec(server.name, ["resolvectl", "domain"])).stdout.replace(/^Link \d+ /gm, "");

		afterAll(async () => {
			await restore(server);
			await disconnect(server);
		});

		test("is asked for all names except the cluster's, from apply to restore", async () => {
			await connect(server);
			const [before, files] = [await domains(), await footprint(server.name)];
			expect(await asked()).toEqual(["the VPN", "the VPN"]);

			expect((await apply(server)).stdout).toContain('"applied"');
			expect(await asked()).toEqual(["the cluster", "the VPN"]);
			expect((await apply(server)).stdout).toContain('"unchanged"');
			await exec(server.name, ["systemctl", "start", "pod-gateway.service"]);
			expect(await asked()).toEqual(["the cluster", "the VPN"]);

			await disconnect(server);
			await expect.poll(domains, soon).toMatch(/eth0\): ~\.$/m);
			expect(await asked()).toEqual(["the cluster", "the site"]);

			await connect(server);
			await expect.poll(domains, soon).not.toMatch(/eth0\): ~\.$/m);
			expect(await asked()).toEqual(["the cluster", "the VPN"]);

			expect((await restore(server)).stdout).toContain('"restored"');
			expect(await asked()).toEqual(["the VPN", "the VPN"]);
			expect(await domains()).toBe(before);
			expect((await footprint(server.name)).files).toEqual(files.files);
		});
	},
);

describe.skipIf(inject("noLab") !== undefined)("an admin stops systemd-resolved", { timeout: 300_000 }, () => {
	const server = resolvedServer();
	const slow = "/run/systemd/system/systemd-resolved.service.d/slow.conf";

	const isActive = async () =>
		(await exec(server.name, ["systemctl", "is-active", "systemd-resolved"], { check: false })).stdout;

	afterAll(async () => {
		await sh(server.name, `rm -f ${slow}; systemctl daemon-reload; systemctl start systemd-resolved`);
		await restore(server);
	});

	test("the timer does not start it again while it still stops", async () => {
		expect((await apply(server)).stdout).toContain('"applied"');
		await sh(
			server.name,
			`mkdir -p ${slow.replace(/\/[^/]*$/, "")}; printf '[Service]\\nExecStopPost=/bin/sleep 8\\n' >${slow}; systemctl daemon-reload`,
		);
		// A run that saw it active, and asks it when the stop has begun.
		await writeFile(server.name, uploaded, scriptWith(pause, beginOf("resolved_mend")), "755");
		const reapplied = exec(server.name, ["sh", uploaded, "reapply"], { check: false });
		await waitUntilPaused(server.name, reapplied, { seconds: 10, place: "its questions" });
		const stopped = exec(server.name, ["systemctl", "stop", "systemd-resolved"], { check: false });
		await expect.poll(isActive, { timeout: 10_000 }).toBe("deactivating");
		await goOn(server.name);
		await reapplied;
		expect(await stopped).toMatchObject({ exitCode: 0, stderr: "" });
		expect(await isActive()).toBe("inactive");
	});
});
