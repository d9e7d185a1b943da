import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { bootHost, copyIn, type ExecResult, exec, inOperator, powerOff, writeFile } from "../lab/host.ts";
import { operatorKeyFile } from "../lab/keys.ts";
import { setCable } from "../lab/namespaces.ts";
import { outsideHosts } from "../lab/servers.ts";
import { type PhysicalServerMachine, site } from "../lab/site.ts";
import { type Footprint, footprint, settledFootprint } from "./footprint.ts";
import { onEvery } from "./onEvery.ts";
import { goOn, pause, waitUntilPaused } from "./pausedScript.ts";
import { type Cut, cuts, script, scriptWith } from "./transactionCuts.ts";

const { servers } = site;
type Server = PhysicalServerMachine;

/** Seconds after which a server has to be as before or as desired, whatever happened. */
const WITHIN = 120;

/** The routes that are in force before each cut, and those of the transaction that is cut. */
const first = ["192.244.32.0/26", "192.244.190.128/26", "192.96.0.0/16"];
const second = ["192.244.32.0/26", "192.244.190.192/26", "192.96.0.0/16"];

/** @param rollbackAfter seconds: plenty for a busy machine, unless the run is to be cut. */
function desired({ name }: Server, prefixes: readonly string[], nameserver: string, rollbackAfter = 90): string {
	return `pod-gateway 1
stack lab
server ${name}
${prefixes.map((prefix) => `route ${prefix} via ${site.gateway.address}\n`).join("")}dns-method auto
nameserver ${nameserver}
domain ${site.clusterDomain}
verify off
rollback-after ${rollbackAfter}
`;
}

/** The path to which `pulumi up` would upload the script. */
function uploaded({ user }: Server): string {
	return user ? `/home/${user}/.pod-gateway-host-test` : "/usr/local/lib/pod-gateway-host-test";
}

/** The part of a server's network that a transaction changes. */
async function network(server: Server): Promise<string> {
	const { stdout } = await exec(
		server.name,
		[
			"sh",
			"-c",
			`ip route; ip -6 route | grep -v expires; cat /etc/resolv.conf
		cd /etc; grep -rs . systemd/resolved.conf.d NetworkManager/conf.d NetworkManager/dnsmasq.d dnsmasq.d`,
		],
		{ check: false },
	);
	return stdout;
}

/** The same once the nameserver is there. A DHCP client may just have rewritten resolv.conf; a path unit puts the name back. */
async function networkWith(server: Server, nameserver: string): Promise<string> {
	let now = "";
	const look = async () => {
		now = await network(server);
		return now;
	};
	await expect.poll(look, { timeout: 60_000, message: server.name }).toMatch(new RegExp(`\\b${nameserver}\\b`));
	return now;
}

/** Applies a state on a server by hand, as `pulumi up` would. */
async function apply(server: Server, prefixes: readonly string[], nameserver: string): Promise<void> {
	await copyIn(server.name, script, uploaded(server), "755");
	await exec(server.name, ["sh", uploaded(server), "apply"], { input: desired(server, prefixes, nameserver) });
}

/** On every server, `first` is in force, and `cut` happens while it applies `second`. Afterwards it is as before or as desired. */
async function cutEach(
	work: (server: Server) => readonly Cut[],
	command: string,
	cut: (server: Server, running: Promise<ExecResult>) => Promise<void>,
): Promise<void> {
	await onEvery(async (server) => {
		for (const place of work(server)) {
			const told = `${server.name}, before «${place.step}»`;
			await apply(server, second, "192.96.0.11");
			const asDesired = await networkWith(server, "192.96.0.11");
			await apply(server, first, site.dnsAddress);
			const asBefore = await networkWith(server, site.dnsAddress);
			expect(asDesired, told).not.toBe(asBefore);
			await writeFile(server.name, uploaded(server), scriptWith(command, place), "755");
			const running = inOperator(ssh(server, `sh ${uploaded(server)} apply`), {
				input: desired(server, second, "192.96.0.11", 20),
				check: false,
			});
			await cut(server, running);
			await expect
				.poll(() => network(server), { timeout: WITHIN * 1000, interval: 1000, message: told })
				.toSatisfy((now: string) => [asBefore, asDesired].includes(now));
			await expect
				.poll(
					() =>
						exec(server.name, ["test", "!", "-e", "/var/lib/pod-gateway/.pending"], { check: false }).then(
							({ exitCode }) => exitCode,
						),
					{
						timeout: WITHIN * 1000,
						interval: 1000,
						message: `${told}: the transaction is over`,
					},
				)
				.toBe(0);
			await expect
				.poll(() => network(server).then((now) => (now === asDesired ? asBefore : now)), {
					message: told,
					timeout: 20_000,
				})
				.toBe(asBefore);
			expect((await inOperator(ssh(server, "true"), { check: false })).exitCode, told).toBe(0);
			await apply(server, second, "192.96.0.11");
			expect(await networkWith(server, "192.96.0.11"), `${told}: the next up`).toBe(asDesired);
		}
	});
}

function ssh({ address, user = "root" }: Server, command: string): string[] {
	const trusting = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
	return ["ssh", ...trusting, "-o", "ConnectTimeout=60", "-i", operatorKeyFile(), `${user}@${address}`, command];
}

/** Gives every server another share of the cuts. */
function share(all: readonly Cut[]): (server: Server) => readonly Cut[] {
	return (server) => all.filter((_, index) => index % servers.length === servers.indexOf(server));
}

/** The places where a cut leaves most to undo: after routes are set, and after nameservers are set, too. */
const [afterRoutes, afterNames] = [/^NAMES_UNTOUCHED=$/, /^put_class state /].map((step) =>
	cuts().findLast((cut) => step.test(cut.step)),
) as [Cut, Cut];

describe.skipIf(inject("noLab") !== undefined)("a transaction that is cut", { timeout: 900_000 }, () => {
	const before = new Map<string, Footprint>();

	beforeAll(async () => {
		for (const { name } of servers) before.set(name, await footprint(name));
	});

	afterAll(async () => {
		for (const { name } of servers) {
			await exec(name, ["/usr/local/sbin/pod-gateway-host", "restore"]);
			expect(await settledFootprint(name, before.get(name)), name).toEqual(before.get(name));
		}
	});

	test("the script has the places to cut", () => {
		expect(cuts().length).toBeGreaterThan(20);
		expect(afterRoutes?.line).toBeLessThan(afterNames?.line ?? 0);
	});

	test("by SIGKILL before each of its steps", async () => {
		await cutEach(share(cuts()), "kill -KILL $$", async (_, running) => {
			await running;
		});
	});

	test("by SIGKILL of its session", async () => {
		await cutEach(
			() => [afterRoutes, afterNames],
			pause,
			async (server, running) => {
				await waitUntilPaused(server.name, running, { seconds: 120, place: "the place to cut it" });
				await exec(server.name, ["pkill", "-KILL", "-f", "sshd[^ ]*: .*@notty"]);
				await running;
				await goOn(server.name);
			},
		);
	});

	test("by a cable that is pulled for 30 s", async () => {
		await cutEach(
			() => [afterRoutes],
			pause,
			async (server, running) => {
				await waitUntilPaused(server.name, running, { seconds: 120, place: "the place to cut it" });
				await setCable(server.name, false);
				await goOn(server.name);
				await sleep(30_000);
				await setCable(server.name, true);
				await running;
			},
		);
	});

	test("by a power cut", async () => {
		await cutEach(
			() => [afterRoutes, afterNames],
			pause,
			async (server, running) => {
				await waitUntilPaused(server.name, running, { seconds: 120, place: "the place to cut it" });
				await powerOff(server.name);
				await running;
				const spec = outsideHosts.find(({ name }) => name === server.name);
				if (spec) await bootHost(spec);
			},
		);
	});
});
