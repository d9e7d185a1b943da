import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { bootHost, type ExecResult, exec, powerOff } from "../lab/host.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { outsideHosts } from "../lab/servers.ts";
import { site } from "../lab/site.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { footprint, logins, settledFootprint } from "./footprint.ts";

const servers = site.servers.map(({ name }) => name);
const [first = "", second = ""] = servers;
const inSync = servers
	.toSorted()
	.map((server) => ({ server, state: "in sync", details: [], record: expect.objectContaining({ stack: "lab" }) }));

/** How a server can come to differ, and a word of the finding. Its own timer would put it right, so that is stopped. */
const drifts: readonly (readonly [string, string, string])[] = [
	["a route taken away", "ip route del 192.96.0.0/16 proto 157", "+ route 192.96.0.0/16 via 10.200.0.20"],
	["a route of ours added", "ip route add 192.244.99.0/26 via 10.200.0.20 proto 157", "- route 192.244.99.0/26"],
	[
		"another next hop",
		"ip route replace 192.96.0.0/16 via 10.200.0.12 proto 157",
		"- route 192.96.0.0/16 via 10.200.0.12",
	],
	["a file edited", "echo '# mine' >>/etc/systemd/resolved.conf.d/pod-gateway.conf", "-# mine"],
	["a file gone", "rm /etc/systemd/resolved.conf.d/pod-gateway.conf", "+DNS=192.96.0.10"],
	["a unit disabled", "systemctl disable -q pod-gateway.service", "~ units"],
	[
		"somebody else's route in our place",
		"ip route del 192.96.0.0/16 proto 157; ip route add 192.96.0.0/16 via 10.200.0.1",
		"is not ours",
	],
	["the host script gone", "rm /usr/local/sbin/pod-gateway-host", "is not there"],
];

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
		return pulumi.beside(["node", "--import", "tsx", "tools/drift.ts", "lab", ...options], { check: false });
	}

	test("of nothing: every server is in sync, read by one connection each, and none is changed", async () => {
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

	test.each(drifts)("of every kind: %s", async (_, change, word) => {
		await exec(first, ["sh", "-c", `systemctl stop pod-gateway.timer pod-gateway.path; ${change}`]);
		const { exitCode, stdout } = await drift("--json");
		const findings: { server: string; state: string; details: string[] }[] = JSON.parse(stdout);
		const found = findings.find(({ server }) => server === first);
		expect(found?.state).toBe("drift");
		expect(found?.details.join("\n")).toContain(word);
		expect(findings.filter((finding) => finding !== found)).toEqual(inSync.filter(({ server }) => server !== first));
		expect(exitCode).toBe(2);
		// What no repair may touch is taken away as it came.
		await exec(first, ["sh", "-c", "ip route del 192.96.0.0/16 via 10.200.0.1"], { check: false });
		const repaired = await drift("--repair", "--json");
		expect(repaired.exitCode, `${repaired.stderr}\n${repaired.stdout}`).toBe(0);
		expect(JSON.parse(repaired.stdout)).toEqual(inSync);
	});

	test("that cannot be told is told so: a dead server", async () => {
		await powerOff(second);
		const { exitCode, stdout } = await drift();
		const spec = outsideHosts.find(({ name }) => name === second);
		if (spec) await bootHost(spec);
		expect(stdout).toMatch(new RegExp(`^${second} +unknown$`, "m"));
		expect(stdout).toMatch(new RegExp(`^${first} +in sync$`, "m"));
		expect(exitCode).toBe(1);
	});

	test("--help tells of exit codes", async () => {
		const { stdout } = await drift("--help");
		expect(stdout).toContain("Exit code 0: in sync; 2: drift; 1: could not tell.");
	});
});
