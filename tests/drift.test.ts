import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { bootHost, type ExecResult, exec, powerOff } from "../lab/host.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { outsideHosts, STOP_REPAIRS } from "../lab/servers.ts";
import { site, stackName } from "../lab/site.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { footprint, logins, settledFootprint } from "./footprint.ts";

const servers = site.servers.map(({ name }) => name);
const [first = "", second = ""] = servers;
const inSync = servers
	.toSorted()
	.map((server) => ({ server, state: "in sync", details: [], record: expect.objectContaining({ stack: stackName }) }));

/** Changes that make a server drift, and a part of the finding. The servers' timers are stopped, because they would undo the change. */
const repairable: Readonly<Record<string, readonly [change: string, word: string]>> = {
	"ps-resolved": ["echo '# mine' >>/etc/systemd/resolved.conf.d/pod-gateway.conf", "-# mine"],
	"ps-nm": ["ip route del 192.96.0.0/16 proto 157", "+ route 192.96.0.0/16 via 10.200.0.20"],
	"ps-ifupdown": ["ip route add 192.244.99.0/26 via 10.200.0.20 proto 157", "- route 192.244.99.0/26"],
	"ps-netplan": ["rm /etc/systemd/resolved.conf.d/pod-gateway.conf", "+DNS=192.96.0.10"],
	"ps-trixie": ["ip route replace 192.96.0.0/16 via 10.200.0.12 proto 157", "- route 192.96.0.0/16 via 10.200.0.12"],
};

/** The same; an update cannot, or may not, repair the last two. */
const partlyRepairable: typeof repairable = {
	"ps-dnsmasq": ["systemctl disable -q pod-gateway.service", "~ units"],
	"ps-nm": ["rm /usr/local/sbin/pod-gateway-host", "is missing"],
	"ps-ifupdown": ["ip route del 192.96.0.0/16 proto 157; ip route add 192.96.0.0/16 via 10.200.0.1", "is not ours"],
	"ps-trixie": [
		"cd /etc/ssh; cp -a ssh_host_ed25519_key /root/; ssh-keygen -q -t ed25519 -N '' -f new; mv new ssh_host_ed25519_key; systemctl restart ssh",
		"shows another host key than the pinned one",
	],
};

describe.skipIf(inject("noLab") !== undefined)("drift", { timeout: 300_000 }, () => {
	let pulumi: LabPulumi;

	beforeAll(async () => {
		({ pulumi } = await useExistingGateway());
		await pulumi.run(["up", "--yes", "--skip-preview"]);
	}, 300_000);

	afterAll(async () => {
		await pulumi.run(["destroy", "--yes"]);
	}, 300_000);

	function drift(...options: string[]): Promise<ExecResult> {
		return pulumi.tool("drift", options);
	}

	test("is not found: every server is in sync, is read by one connection, and is not changed", async () => {
		const before = await Promise.all(servers.map(footprint));
		const connections = await Promise.all(servers.map(logins));
		const { exitCode, stdout, stderr } = await drift("--json");
		expect(stderr).toBe("");
		expect(JSON.parse(stdout)).toEqual(inSync);
		expect(exitCode).toBe(0);
		expect(await Promise.all(servers.map(logins))).toEqual(connections.map((count) => count + 1));
		for (const [index, server] of servers.entries()) {
			expect(await settledFootprint(server, before[index]), server).toEqual(before[index]);
		}
	});

	/** Makes these changes on servers, and expects drift to find them and nothing else. */
	async function expectFound(changes: typeof repairable): Promise<void> {
		for (const [server, [change]] of Object.entries(changes)) {
			await exec(server, ["sh", "-c", `${STOP_REPAIRS}; ${change}`]);
		}
		const { exitCode, stdout } = await drift("--json");
		const findings: { server: string; state: string; details: string[] }[] = JSON.parse(stdout);
		for (const [server, [, word]] of Object.entries(changes)) {
			const found = findings.find((finding) => finding.server === server);
			expect(found?.state, server).toBe("drift");
			expect(found?.details.join("\n"), server).toContain(word);
		}
		expect(findings.filter(({ server }) => !(server in changes))).toEqual(
			inSync.filter(({ server }) => !(server in changes)),
		);
		expect(exitCode).toBe(2);
	}

	test("of routes and files is found, and is repaired only on the servers that have it", async () => {
		const untouched = "ps-dnsmasq";
		const before = await logins(untouched);
		await expectFound(repairable);
		const { exitCode, stdout, stderr } = await drift("--repair", "--json");
		expect(exitCode, `${stderr}\n${stdout}`).toBe(0);
		expect(JSON.parse(stdout)).toEqual(inSync);
		// Each look is one connection, and there was no other.
		expect(await logins(untouched)).toBe(before + 3);
	});

	test("of other kinds is found; what a repair may not touch is left and reported, and does not delay other servers", async () => {
		await expectFound(partlyRepairable);
		const partly = await drift("--repair");
		expect(partly.stderr).toContain("error: pulumi up failed, see above; the servers are now as follows");
		expect(partly.stdout).toMatch(/^ps-dnsmasq +in sync$/m);
		expect(partly.stdout).toMatch(/^ps-nm +in sync$/m);
		expect(partly.stdout).toMatch(/^ps-ifupdown +drift/m);
		expect(partly.stdout).toMatch(/^ps-trixie +drift/m);
		expect(partly.exitCode).toBe(2);
		await exec("ps-ifupdown", ["ip", "route", "del", "192.96.0.0/16", "via", "10.200.0.1"]);
		await exec("ps-trixie", ["sh", "-c", "mv /root/ssh_host_ed25519_key /etc/ssh; systemctl restart ssh"]);
		const { exitCode, stdout, stderr } = await drift("--repair", "--json");
		expect(exitCode, `${stderr}\n${stdout}`).toBe(0);
		expect(JSON.parse(stdout)).toEqual(inSync);
	});

	test("of a dead server is reported as unknown", async () => {
		await powerOff(second);
		const { exitCode, stdout } = await drift();
		const spec = outsideHosts.find(({ name }) => name === second);
		if (spec) await bootHost(spec);
		expect(stdout).toMatch(new RegExp(`^${second} +unknown$`, "m"));
		expect(stdout).toMatch(new RegExp(`^${first} +in sync$`, "m"));
		expect(exitCode).toBe(1);
	});

	test("--help explains the exit codes", async () => {
		const { stdout } = await drift("--help");
		expect(stdout).toContain("Exit code 0: in sync; 2: drift; 1: could not tell.");
	});
});
