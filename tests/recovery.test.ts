import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { checkServer } from "../lab/checks.ts";
import { resolveEngine } from "../lab/engine/engine.ts";
import { bootHost, exec, isUp, powerOff } from "../lab/host.ts";
import { initOf } from "../lab/hostProcess.ts";
import { bootGateway } from "../lab/lifecycle.ts";
import { progress } from "../lab/progress.ts";
import { type LabPulumi, labPulumi } from "../lab/pulumi.ts";
import { outsideHosts } from "../lab/servers.ts";
import { type PhysicalServerMachine, type ServerKind, site } from "../lab/site.ts";
import { labSettings, writeStack } from "../lab/stack.ts";

/** Seconds within which routes and nameserver are to be back. */
const WITHIN = 30;

/** What takes routes or nameservers away from a server of each kind: the ways in which its owner goes about its work. */
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
const rows = site.servers.flatMap((server) =>
	[...events[server.kind], ...everywhere].map((event) => [server.name, event, server] as const),
);
const taken: (readonly [string, string, number])[] = [];

describe.skipIf(inject("noLab") !== undefined)("what a server's own network takes away", { timeout: 300_000 }, () => {
	let pulumi: LabPulumi;

	beforeAll(async () => {
		if (isUp(site.hypervisor.name)) await powerOff(site.hypervisor.name);
		await bootGateway(progress(), "existing");
		await writeStack(await labSettings("existing"));
		pulumi = await labPulumi(await resolveEngine(() => {}));
		await pulumi.run(["up", "--yes", "--skip-preview"]);
	}, 300_000);

	afterAll(async () => {
		await pulumi.run(["destroy", "--yes"]);
		const widths = [0, 1].map((column) => Math.max(...taken.map((row) => String(row[column]).length)));
		const lines = taken.map(([server, event, seconds]) =>
			[server.padEnd(widths[0] ?? 0), event.padEnd(widths[1] ?? 0), `${seconds.toFixed(1).padStart(5)} s`].join("  "),
		);
		process.stderr.write(`\nBack in force after\n${lines.join("\n")}\n`);
	}, 300_000);

	test.each(rows)(`is back within ${WITHIN} s: %s, %s`, async (name, event, server) => {
		const wanted = await routes(name);
		expect(wanted).not.toBe("");
		const init = initOf(name);
		const begin = Date.now();
		if (event === "power cut") await cutPower(server);
		else await exec(name, ["sh", "-c", event], { check: false });
		if (event === "systemctl reboot") await rebooted(name, init);
		await expect
			.poll(async () => (await routes(name)) === wanted && (await resolves(name)), {
				timeout: WITHIN * 1000,
				interval: 200,
			})
			.toBe(true);
		taken.push([name, event, (Date.now() - begin) / 1000]);
		// Back for good: what was late to start does not take it away again.
		await sleep(3000);
		expect(await routes(name)).toBe(wanted);
		expect((await checkServer(name)).filter(({ ok }) => !ok)).toEqual([]);
	});
});

async function cutPower({ name }: PhysicalServerMachine): Promise<void> {
	await powerOff(name);
	const spec = outsideHosts.find((spec) => spec.name === name);
	if (spec) await bootHost(spec);
}

/** Waits until another system runs there than the one whose first process this was. */
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
