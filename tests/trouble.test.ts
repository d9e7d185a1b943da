import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { addBlock, removeBlock } from "../lab/cluster/cluster.ts";
import { bootHost, exec, powerOff } from "../lab/host.ts";
import type { LabPulumi } from "../lab/pulumi.ts";
import { outsideHosts } from "../lab/servers.ts";
import { site } from "../lab/site.ts";
import { type LabSettings, writeStack } from "../lab/stack.ts";
import { badLine, fullDisk, fullProcessTable, type Mend, wrongClock } from "../lab/trouble.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { logins } from "./footprint.ts";

const servers = site.servers.map(({ name }) => name);
const [first, second] = site.workers;
const newBlock = "192.244.191.0/26";
const gateway = site.gateway.name;

describe.skipIf(inject("noLab") !== undefined)("an up that meets trouble", { timeout: 600_000 }, () => {
	let settings: LabSettings;
	let pulumi: LabPulumi;

	beforeAll(async () => {
		({ pulumi, settings } = await useExistingGateway());
	});

	const up = (...flags: string[]) => pulumi.run(["up", "--yes", "--skip-preview", ...flags], { check: false });
	const withRoutes = (routes: object) => writeStack({ ...settings, "pod-gateway:routes": routes });

	describe("on the gateway never pushes an incomplete table", () => {
		beforeAll(async () => {
			await pulumi.run(["up", "--yes", "--skip-preview"]);
		});

		afterAll(async () => {
			await bird("enable all");
			for (const cidr of second?.blocks ?? []) await addBlock(second?.name ?? "", cidr);
			await writeStack(settings);
		});

		test("when BIRD restarts during the survey: every server has every route afterwards", async () => {
			const routes = await routesOf(servers);
			const [{ exitCode, stdout }] = await Promise.all([
				up(),
				(async () => {
					await sleep(2000);
					await exec(gateway, ["pkill", "-KILL", "-x", "bird"]);
				})(),
			]);
			expect(exitCode, stdout).toBe(0);
			expect(await routesOf(servers)).toEqual(routes);
		});

		test("when a peer's routes are gone during the survey and come back: up waits for them", async () => {
			const routes = await routesOf(servers);
			await bird(`disable ${sessionWith(second)}`);
			await gatewayHas(second, false);
			const [{ exitCode, stdout }] = await Promise.all([
				up(),
				(async () => {
					await sleep(8000);
					await bird(`enable ${sessionWith(second)}`);
				})(),
			]);
			expect(exitCode, stdout).toBe(0);
			expect(stdout).toMatch(/\d+ unchanged/);
			expect(await routesOf(servers)).toEqual(routes);
			await gatewayHas(second, true);
		});

		test("when they stay away: preview and up refuse before any server is touched, and name the setting", async () => {
			const routes = await routesOf(servers);
			const before = await Promise.all(servers.map(logins));
			await withRoutes({ convergeTimeout: 3 });
			await bird(`disable ${sessionWith(second)}`);
			await gatewayHas(second, false);
			for (const { exitCode, stdout, stderr } of [await pulumi.run(["preview"], { check: false }), await up()]) {
				const said = (stdout + stderr).replaceAll(/\s+/g, " ");
				expect(exitCode).not.toBe(0);
				expect(said).toContain("gw-1 only has a part of its routes; no server was touched: no route to 2 of 4 blocks");
				expect(said).toContain("set pod-gateway:routes.maxShrink to 1");
			}
			expect(await Promise.all(servers.map(logins))).toEqual(before);
			expect(await routesOf(servers)).toEqual(routes);
			await bird(`enable ${sessionWith(second)}`);
			await gatewayHas(second, true);
		});

		test("when half of the blocks are gone by the cluster's records, too: servers refuse, unless the setting allows it", async () => {
			const routes = await routesOf(servers);
			await writeStack(settings);
			for (const cidr of second?.blocks ?? []) await removeBlock(second?.name ?? "", cidr);
			await gatewayHas(second, false);
			const { exitCode, stdout, stderr } = await up("--continue-on-error");
			expect(exitCode, stdout + stderr).not.toBe(0);
			const refusal =
				"refused, nothing was changed: 2 of 5 IPv4 routes would go (192.244.32.0/26, 192.244.32.64/26), and 30 % may";
			for (const server of servers) {
				expect(
					(stdout + stderr)
						.split("\n")
						.filter((line) => line.includes(server))
						.join("\n"),
					server,
				).not.toBe("");
			}
			expect((stdout + stderr).split(refusal).length - 1).toBeGreaterThanOrEqual(servers.length);
			expect(await routesOf(servers)).toEqual(routes);
			await withRoutes({ maxShrink: 1 });
			expect((await up()).exitCode).toBe(0);
			for (const list of await routesOf(servers)) expect(list).not.toContain("192.244.32.0/26");
		});
	});

	describe("on some servers deploys the others", () => {
		const healthy = ["ps-netplan", "ps-dnsmasq", "ps-trixie"];
		const mends: Mend[] = [];

		beforeAll(async () => {
			await pulumi.run(["up", "--yes", "--skip-preview"]);
			await addBlock(first?.name ?? "", newBlock);
			await gatewayHas({ blocks: [newBlock] }, true);
			await powerOff("ps-nm");
			mends.push(
				await badLine("ps-netplan"),
				await wrongClock("ps-dnsmasq"),
				await fullDisk("ps-ifupdown"),
				await fullProcessTable("ps-resolved"),
			);
		});

		afterAll(async () => {
			await mend();
			await removeBlock(first?.name ?? "", newBlock);
			await pulumi.run(["destroy", "--yes"]);
		});

		async function mend(): Promise<void> {
			for (const one of mends.splice(0)) await one();
			const spec = outsideHosts.find(({ name }) => name === "ps-nm");
			if (spec) await bootHost(spec);
		}

		test("when one is down, one has a full disk, one a full process table: names each at the end with its reason", async () => {
			// Fewer at a time than there are servers, to see that those that wait for their turn are deployed, too.
			const { exitCode, stdout, stderr } = await up("--continue-on-error", "--parallel", "2");
			const said = stdout + stderr;
			expect(exitCode, said).not.toBe(0);
			const summary = said.slice(said.indexOf("\nDiagnostics:\n"), said.indexOf("\nOutputs:\n"));
			const reasonOf = (server: string) => summary.split("\n\n").find((part) => part.includes(`(${server}-network):`));
			expect(reasonOf("ps-nm")).toMatch(/cannot connect to 10\.200\.0\.32 as root: (Timed out|.*EHOSTUNREACH)/);
			expect(reasonOf("ps-ifupdown")).toMatch(/refused, nothing was changed: .*No space left on device/);
			expect(reasonOf("ps-resolved")).toMatch(/cannot connect to 10\.200\.0\.31 as root: .*free processes/);
			for (const [index, list] of (await routesOf(healthy)).entries()) {
				expect(list, healthy[index]).toContain(newBlock);
				expect(reasonOf(healthy[index] ?? ""), healthy[index]).toBeUndefined();
			}
			const { records } = JSON.parse((await pulumi.run(["stack", "output", "--json"])).stdout);
			expect(records["ps-dnsmasq"].at, "by its own clock").toBe("1970-01-01T00:07:00Z");
		});

		test("and the next one, once they are repaired, does what is left and does not log in elsewhere", async () => {
			await mend();
			const before = await Promise.all(healthy.map(logins));
			const { exitCode, stdout } = await up();
			expect(exitCode, stdout).toBe(0);
			expect(stdout).toMatch(/~ 3 updated\n/);
			expect(await Promise.all(healthy.map(logins))).toEqual(before);
			for (const list of await routesOf(servers)) expect(list).toContain(newBlock);
		});
	});
});

/** Sends the gateway's BIRD a command, once it runs. calico-node may take 20 s to notice that it does not run. */
async function bird(command: string): Promise<void> {
	const line = 'nsenter --target "$(pgrep -x bird)" --mount birdc -s /run/bird/bird.ctl "$@"';
	const told = () => exec(gateway, ["sh", "-euc", line, "sh", ...command.split(" ")], { check: false });
	await until(`BIRD accepts «${command}»`, async () => (await told()).exitCode === 0);
}

function sessionWith(worker: { readonly address: string } | undefined): string {
	return `Mesh_${worker?.address.replaceAll(".", "_")}`;
}

/** Waits until the gateway has routes to a worker's blocks, or until it does not have them. */
async function gatewayHas(worker: { readonly blocks: readonly string[] } | undefined, there: boolean): Promise<void> {
	await until(`${gateway} ${there ? "has" : "does not have"} routes to ${worker?.blocks.join(", ")}`, async () => {
		const routes = (await exec(gateway, ["ip", "route"])).stdout;
		return worker?.blocks.every((block) => routes.includes(block) === there);
	});
}

/** Like expect.poll, which can only be used in tests. */
async function until(what: string, isSo: () => Promise<boolean | undefined>): Promise<void> {
	for (let tries = 0; !(await isSo()); tries++) {
		if (tries === 120) throw new Error(`not true after a minute: ${what}`);
		await sleep(500);
	}
}

/** Our routes on each server. */
function routesOf(names: readonly string[]): Promise<string[]> {
	return Promise.all(names.map(async (name) => (await exec(name, ["ip", "route", "show", "proto", "157"])).stdout));
}
