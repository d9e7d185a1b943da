import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { checkServer } from "../lab/checks.ts";
import { bootHost, exec, powerOff, writeFile } from "../lab/host.ts";
import { initOf } from "../lab/hostProcess.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { outsideHosts } from "../lab/servers.ts";
import { type PhysicalServerMachine, type ServerKind, site, stackName } from "../lab/site.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { onEvery } from "./onEvery.ts";
import { cuts, scriptWith } from "./transactionCuts.ts";

/** Seconds after which routes and nameserver have to be back. */
const WITHIN = 30;

/** What removes routes or nameservers from a server of each kind, in the normal work of its programs. */
const events: Readonly<Record<ServerKind, readonly string[]>> = {
	resolved: ["systemctl restart systemd-networkd", "networkctl reconfigure eth0", "systemctl restart systemd-resolved"],
	networkmanager: [
		"nmcli networking off; nmcli networking on",
		"systemctl restart NetworkManager",
		"nmcli device reapply eth0",
	],
	ifupdown: ["ifdown eth0; ifup eth0", "echo nameserver 10.200.0.3 >/etc/resolv.conf"],
	netplan: ["netplan apply", "systemctl restart systemd-networkd"],
	dnsmasq: ["systemctl restart dnsmasq", "systemctl restart systemd-networkd"],
	dhcp: ["dhcpcd --rebind eth0", "ifdown eth0; ifup eth0"],
};
const everywhere = ["ip route flush proto 157", "systemctl reboot", "power cut"];

const web = `web-0.web.default.svc.${site.clusterDomain}`;
const taken: string[][] = [["server", "event", "seconds"]];

describe.skipIf(inject("noLab") !== undefined)("what a server's own programs remove", { timeout: 300_000 }, () => {
	let pulumi: LabPulumi;

	beforeAll(async () => {
		({ pulumi } = await useExistingGateway());
		await pulumi.run(["up", "--yes", "--skip-preview"]);
	}, 300_000);

	afterAll(async () => {
		await pulumi.run(["destroy", "--yes"]);
		const [head = [], ...rows] = taken;
		const sorted = [head, ...site.servers.flatMap(({ name }) => rows.filter(([server]) => server === name))];
		process.stderr.write(`\nBack in force after\n${table(sorted)}\n`);
	}, 300_000);

	test(`is back within ${WITHIN} s on every server`, { timeout: 600_000 }, () => onEvery(goThrough));

	test("is put back during a transaction, which goes on, on every server", () => onEvery(amidTransaction));
});

/** Deploys by hand. Before the verification, the first of the server's events happens, and our routes are removed. */
async function amidTransaction({ name, kind }: PhysicalServerMachine): Promise<void> {
	const wanted = await routes(name);
	const verification = cuts().find(({ step }) => step.startsWith("case $VERIFY"));
	if (!verification) throw new Error("the host script's apply() has no verification");
	const uploaded = "/usr/local/lib/pod-gateway-host-test";
	const event = `{ ${events[kind][0]}; sleep 3; ip route flush proto 157; } >/dev/null 2>&1`;
	await writeFile(name, uploaded, scriptWith(event, verification));
	const inForce = await exec(name, ["cat", `/var/lib/pod-gateway/${stackName}/desired`]);
	const input = `${inForce.stdout.trimEnd()}\n`.replace(/^rollback-after .*$/m, "rollback-after 60");
	const { exitCode, stderr } = await exec(name, ["sh", uploaded, "apply"], { input, check: false });
	expect(exitCode, `${name}: ${stderr}`).toBe(0);
	expect(stderr, name).toContain("put back routes that were gone");
	if (kind === "dhcp") expect(stderr).toContain("put back /etc/resolv.conf");
	expect(await routes(name), name).toBe(wanted);
	expect(
		(await checkServer(name)).filter(({ ok }) => !ok),
		name,
	).toEqual([]);
}

/** Makes every event happen on one server, one after the other. */
async function goThrough(server: PhysicalServerMachine): Promise<void> {
	const { name } = server;
	const wanted = await routes(name);
	expect(wanted).not.toBe("");
	for (const event of [...events[server.kind], ...everywhere]) {
		const seconds = await until(server, event, wanted);
		taken.push([name, event, seconds.toFixed(1)]);
		// It has to stay: services that start late must not remove it again.
		await sleep(3000);
		expect(await routes(name), `${name}, ${event}`).toBe(wanted);
		expect(
			(await checkServer(name)).filter(({ ok }) => !ok),
			`${name}, ${event}`,
		).toEqual([]);
	}
}

/** Makes the event happen and waits until routes and names are as before. @returns the seconds that this took */
async function until(server: PhysicalServerMachine, event: string, wanted: string): Promise<number> {
	const { name } = server;
	const init = initOf(name);
	const begin = Date.now();
	if (event === "power cut") await cutPower(server);
	else await exec(name, ["sh", "-c", event], { check: false });
	if (event === "systemctl reboot") await rebooted(name, init);
	await expect
		.poll(async () => (await routes(name)) === wanted && (await resolves(name)), {
			timeout: WITHIN * 1000,
			interval: 200,
			message: `${name}, ${event}`,
		})
		.toBe(true);
	return (Date.now() - begin) / 1000;
}

/** The kinds with a plain list of nameservers: for every name they ask the cluster's first. */
const withoutSplit: readonly ServerKind[] = ["ifupdown", "dhcp"];

describe.skipIf(inject("noLab") !== undefined)("names outside the cluster", { timeout: 300_000 }, () => {
	let pulumi: LabPulumi;
	const measured: string[][] = [["server", "name", "before", "in force", "gateway dead"]];

	beforeAll(async () => {
		({ pulumi } = await useExistingGateway());
	}, 300_000);

	afterAll(async () => {
		await pulumi.run(["destroy", "--yes"]);
		process.stderr.write(
			`\nMilliseconds until a name outside the cluster is known, the slowest of five\n${table(measured)}\n`,
		);
	}, 300_000);

	test("are found as before while the gateway is dead, if names can be split; otherwise a second later for each question", async () => {
		const before = await times();
		await pulumi.run(["up", "--yes", "--skip-preview"]);
		const inForce = await times();
		await powerOff(site.gateway.name);
		const dead = await times();
		for (const key of before.keys()) {
			const row = [before, inForce, dead].map((times) => times.get(key) ?? Number.NaN);
			measured.push([...key.split(" "), ...row.map((ms) => ms.toFixed(0))]);
		}
		for (const { name, kind } of site.servers) {
			expect(dead.get(`${name} known`), name).toBeLessThan(withoutSplit.includes(kind) ? 2500 : 500);
		}
	});
});

/**
 * Milliseconds until a name outside the cluster is found, by `SERVER known` (the slowest of five that exist) and `SERVER unknown` (one
 * that does not exist). The names are new, so that they are in no cache.
 */
async function times(): Promise<ReadonlyMap<string, number>> {
	const found = new Map<string, number>();
	await Promise.all(
		site.servers.map(async ({ name: server }) => {
			for (const [kind, zone, count] of [
				["known", "fresh", 5],
				["unknown", "nowhere", 1],
			] as const) {
				const taken: number[] = [];
				for (let index = 0; index < count; index++) {
					const name = `n${Date.now()}-${index}.${zone}.${site.outsideDomain}`;
					const script = `begin=$(date +%s%N); getent hosts ${name} >/dev/null; code=$?; echo $code $((($(date +%s%N) - begin) / 1000000))`;
					const { stdout } = await exec(server, ["sh", "-c", script]);
					const [exitCode, ms] = stdout.split(" ").map(Number);
					expect(exitCode === 0, `${server}: ${name}`).toBe(kind === "known");
					taken.push(ms ?? Number.NaN);
				}
				found.set(`${server} ${kind}`, Math.max(...taken));
			}
		}),
	);
	return found;
}

/** A table for people. */
function table(rows: readonly (readonly string[])[]): string {
	const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
	return rows
		.map((row) =>
			row
				.map((cell, column) => cell.padEnd(widths[column] ?? 0))
				.join("  ")
				.trimEnd(),
		)
		.join("\n");
}

async function cutPower({ name }: PhysicalServerMachine): Promise<void> {
	await powerOff(name);
	const spec = outsideHosts.find((spec) => spec.name === name);
	if (spec) await bootHost(spec);
}

/** Waits until the host's first process is another one than this. */
async function rebooted(name: string, init: number | undefined): Promise<void> {
	await expect
		.poll(() => [undefined, init].includes(initOf(name)), { timeout: WITHIN * 1000, interval: 100 })
		.toBe(false);
}

async function routes(name: string): Promise<string> {
	return (await exec(name, ["sh", "-c", "ip route show proto 157 | sort"], { check: false })).stdout;
}

async function resolves(name: string): Promise<boolean> {
	const { stdout } = await exec(name, ["timeout", "5", "getent", "hosts", web], { check: false });
	return stdout.startsWith("192.244.");
}
