import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { bootHost, copyIn, exec, powerOff, writeFile } from "../lab/host.ts";
import { outsideHosts } from "../lab/servers.ts";
import { type PhysicalServerMachine, site } from "../lab/site.ts";
import { type Footprint, footprint, settledFootprint } from "./footprint.ts";
import { onEvery } from "./onEvery.ts";
import { pause, waitUntilPaused } from "./pausedScript.ts";
import { type Cut, cuts, removalCuts, script, scriptWith } from "./transactionCuts.ts";

/** While this file exists, the script waits for a power cut. */
const armed = "/run/cut-armed";
const uploaded = "/usr/local/lib/pod-gateway-host-test";
const installed = "/usr/local/sbin/pod-gateway-host";
const { servers } = site;
type Server = PhysicalServerMachine;

/** Seconds after which a server has to be as before or as desired, whatever happened. */
const WITHIN = 120;

function desired(
	{ name }: Server,
	{ stack = "lab", third = 244, method = "auto", nameserver = site.dnsAddress as string } = {},
): string {
	return `pod-gateway 1
stack ${stack}
server ${name}
route 192.${third}.32.0/26 via ${site.gateway.address}
dns-method ${method}
nameserver ${nameserver}
domain ${stack === "lab" ? site.clusterDomain : `${stack}.local`}
verify off
rollback-after 60
`;
}

async function apply(server: Server, state = desired(server), path = uploaded) {
	return exec(server.name, ["sh", path, "apply"], { input: state, check: false });
}

async function restore({ name }: Server, ...options: string[]) {
	return exec(name, ["sh", "-c", `[ ! -e ${installed} ] || exec ${installed} restore "$@"`, "sh", ...options], {
		check: false,
	});
}

async function cutPower({ name }: Server): Promise<void> {
	await powerOff(name);
	const spec = outsideHosts.find((spec) => spec.name === name);
	if (spec) await bootHost(spec);
}

/** What a power cut may leave before the recovery is on disk: files that nothing reads, and their folders. The next run removes them. */
const IDLE =
	/ \/var\/lib\/pod-gateway|\.pod-gateway-(new|old)|\/usr\/local\/sbin\/pod-gateway-host|\/systemd\/system\/pod-gateway\.|rt_protos\.d\/pod-gateway|(\.wants|\.d) $/;

function differsInIdleFiles(was: Footprint, now: Footprint): boolean {
	const [files, there] = [new Set(was.files), new Set(now.files)];
	const others = now.files.filter((line) => !files.has(line) && !IDLE.test(line));
	const { units: _, files: __, ...live } = now;
	const { units: ___, files: ____, ...before } = was;
	return (
		others.length === 0 &&
		was.files.every((line) => there.has(line)) &&
		now.units.every((unit) => unit.endsWith(" not-found")) &&
		JSON.stringify(live) === JSON.stringify(before)
	);
}

/** Whether the deployment is committed, so that nothing has to be undone. */
async function isCommitted({ name }: Server): Promise<boolean> {
	const state = "/var/lib/pod-gateway";
	const asked = await exec(name, ["sh", "-c", `[ ! -e ${state}/.pending ] && [ -e ${state}/lab/desired ]`], {
		check: false,
	});
	return asked.exitCode === 0;
}

function share<Item>(all: readonly Item[], server: Server): readonly Item[] {
	return all.filter((_, index) => index % servers.length === servers.indexOf(server));
}

describe.skipIf(inject("noLab") !== undefined)("a server, at its first deployment", { timeout: 1_800_000 }, () => {
	const before = new Map<string, Footprint>();
	const table: string[] = [];

	beforeAll(async () => {
		for (const server of servers) {
			await restore(server);
			await copyIn(server.name, script, uploaded);
			before.set(server.name, await footprint(server.name));
		}
	});

	afterAll(async () => {
		for (const server of servers) await restore(server, "--all");
		process.stderr.write(`\nWhat was cut | server | afterwards\n${table.join("\n")}\n`);
	});

	/** Waits until the server is as in one of these footprints, and adds its name to the table. */
	async function settled(server: Server, told: string, ends: Readonly<Record<string, Footprint | undefined>>) {
		const which = async () => {
			const now = JSON.stringify(await footprint(server.name));
			return Object.entries(ends).find(([, end]) => JSON.stringify(end) === now)?.[0];
		};
		await expect
			.poll(which, { timeout: WITHIN * 1000, interval: 1000, message: `${server.name}, ${told}` })
			.toBeDefined();
		table.push(`${told} | ${server.kind} | ${await which()}`);
	}

	/** Runs a script that stops before a step, and cuts the power there. */
	async function cutAt(server: Server, { step }: Cut, text: string, verb: "apply" | "restore"): Promise<void> {
		await writeFile(server.name, uploaded, text);
		await exec(server.name, ["touch", armed]);
		const running = exec(server.name, ["sh", uploaded, verb], { input: desired(server), check: false });
		await waitUntilPaused(server.name, running, { seconds: 60, place: `«${step}»` });
		await cutPower(server);
		await running;
	}
	// The script installs itself. After the power cut, the recovery runs it, and must not stop there again.
	const waiting = `if [ -e ${armed} ]; then ${pause}; fi`;

	test("whose power is cut before each step is as before or as desired", () =>
		onEvery(async (server) => {
			for (const cut of share(cuts(), server)) {
				await cutAt(server, cut, scriptWith(waiting, cut), "apply");
				await copyIn(server.name, script, uploaded);
				const told = `first deployment, power before «${cut.step}»`;
				const how = async () => {
					const now = await footprint(server.name);
					const was = before.get(server.name);
					if (JSON.stringify(now) === JSON.stringify(was)) return "as before";
					if (was && differsInIdleFiles(was, now)) return "as before, but for files that do nothing";
					return (await isCommitted(server)) ? "as desired" : undefined;
				};
				await expect
					.poll(how, { timeout: WITHIN * 1000, interval: 2000, message: `${server.name}, ${told}` })
					.toBeDefined();
				const ended = await how();
				// If it is committed, the server has to be as after an undisturbed deployment. The next run removes what a cut has left.
				const committed = await isCommitted(server);
				const route = async () => (await exec(server.name, ["ip", "route", "show", "proto", "157"])).stdout;
				if (committed) await expect.poll(route, { timeout: WITHIN * 1000, message: told }).toContain("192.244.32.0/26");
				const next = await apply(server, desired(server), committed ? installed : uploaded);
				expect(next.stdout, told).toContain(committed ? '"unchanged"' : '"applied"');
				table.push(`${told} | ${server.kind} | ${ended}`);
				await restore(server);
				await copyIn(server.name, script, uploaded);
				expect(await settledFootprint(server.name, before.get(server.name))).toEqual(before.get(server.name));
			}
		}));

	test("whose power is cut before each step of a removal is as deployed or removed", () =>
		onEvery(async (server) => {
			for (const cut of share(removalCuts(), server)) {
				expect((await apply(server)).exitCode).toBe(0);
				await cutAt(server, cut, scriptWith(waiting, cut), "restore");
				await copyIn(server.name, script, uploaded);
				const { stdout } = await apply(server, desired(server));
				expect(stdout, `${server.name}, «${cut.step}»`).toMatch(/"result":"(applied|unchanged)"/);
				table.push(
					`removal, power before «${cut.step}» | ${server.kind} | ${/unchanged/.test(stdout) ? "as deployed" : "removed"}`,
				);
				await restore(server);
				await copyIn(server.name, script, uploaded);
				expect(await settledFootprint(server.name, before.get(server.name))).toEqual(before.get(server.name));
			}
		}));

	test("runs two applies and a restore one after the other, and each reports what it did", () =>
		onEvery(async (server) => {
			const other = desired(server, { nameserver: "192.96.0.11" });
			const [one, two] = await Promise.all([apply(server), apply(server, other), restore(server)]);
			expect([one.exitCode, two.exitCode].every((code) => code === 0 || code === 2)).toBe(true);
			expect((await apply(server)).exitCode).toBe(0);
			expect((await apply(server)).stdout).toContain('"unchanged"');
			await restore(server);
			await copyIn(server.name, script, uploaded);
			expect(await settledFootprint(server.name, before.get(server.name))).toEqual(before.get(server.name));
		}));

	test("whose resolver hangs when it restarts undoes the change in time", () =>
		onEvery(async (server) => {
			const unit = { resolved: "systemd-resolved", netplan: "systemd-resolved", dnsmasq: "dnsmasq" }[
				server.kind as string
			];
			if (!unit) return;
			const dropIn = `/run/systemd/system/${unit}.service.d/hang.conf`;
			await exec(server.name, [
				"sh",
				"-ec",
				`mkdir -p ${dropIn.replace(/\/[^/]*$/, "")}
printf '[Service]\\nExecStartPre=/bin/sh -c "[ ! -e /run/hang ] || { rm /run/hang; sleep 300; }"\\n' >${dropIn}
systemctl daemon-reload; touch /run/hang`,
			]);
			const { exitCode, stdout } = await apply(server);
			expect(exitCode).toBe(1);
			expect(stdout).toMatch(/rolled-back|rollback-incomplete/);
			await exec(server.name, [
				"sh",
				"-c",
				`rm -f ${dropIn} /run/hang; systemctl daemon-reload; systemctl restart ${unit}`,
			]);
			await settled(server, "a resolver that hangs", { "as before": before.get(server.name) });
		}));

	test("keeps two stacks apart, and refuses the second one's names where they cannot be split", () =>
		onEvery(async (server) => {
			expect((await apply(server)).exitCode).toBe(0);
			const named = await apply(server, desired(server, { stack: "prod", third: 245, nameserver: "192.96.0.11" }));
			if (named.exitCode !== 0) {
				expect(named.stderr).toContain("the stack lab uses ");
				const without = await apply(server, desired(server, { stack: "prod", third: 245, method: "none" }));
				expect(without.exitCode, without.stderr).toBe(0);
			}
			expect((await apply(server, desired(server, { stack: "other", method: "none" }))).stderr).toMatch(
				/overlaps .* of the stack lab/,
			);
			expect((await restore(server)).exitCode).toBe(2);
			expect((await restore(server, "--stack", "lab")).exitCode).toBe(0);
			const { stdout } = await exec(server.name, ["ip", "route", "show", "proto", "157"]);
			expect(stdout).toMatch(/^192\.245\.32\.0\/26 /);
			expect(stdout).not.toContain("192.244.");
			await restore(server);
			await copyIn(server.name, script, uploaded);
			expect(await settledFootprint(server.name, before.get(server.name))).toEqual(before.get(server.name));
		}));
});
