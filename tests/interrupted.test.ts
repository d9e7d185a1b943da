import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { checkServer, isCutOff } from "../lab/checks.ts";
import { resolveEngine } from "../lab/engine/engine.ts";
import { type ExecResult, exec } from "../lab/host.ts";
import { setCable } from "../lab/namespaces.ts";
import { type LabPulumi, labPulumi } from "../lab/pulumi.ts";
import { site } from "../lab/site.ts";
import { type LabSettings, writeStack } from "../lab/stack.ts";
import { useExistingGateway } from "./existingGateway.ts";
import { type Footprint, footprint, settledFootprint } from "./footprint.ts";

const servers = site.servers.map(({ name }) => name);

/** How often `up` is killed at a random moment. Two more take a minute. */
const kills = Number(process.env["POD_GATEWAY_KILLS"] ?? 2);

/** The moments in seconds, to repeat a run: POD_GATEWAY_KILLS_AT=3.2,11.9 */
const at = process.env["POD_GATEWAY_KILLS_AT"]?.split(",").map(Number);

describe.skipIf(inject("noLab") !== undefined)("an up that is interrupted", { timeout: 1_800_000 }, () => {
	const before = new Map<string, Footprint>();
	let pulumi: LabPulumi;
	let settings: LabSettings;
	let seconds = 0;

	beforeAll(async () => {
		({ pulumi, settings } = await useExistingGateway());
		for (const server of servers) before.set(server, await footprint(server));
	}, 300_000);

	afterAll(async () => {
		await writeStack(settings);
		await pulumi.run(["destroy", "--yes"]);
	}, 300_000);

	async function everythingIsAsDesired(told: string): Promise<void> {
		const { exitCode, stdout } = await pulumi.run(["up", "--yes", "--skip-preview"], { check: false });
		expect(exitCode, `${told}: ${stdout}`).toBe(0);
		const drift = await pulumi.tool("drift");
		expect(drift.exitCode, `${told}: ${drift.stdout}${drift.stderr}`).toBe(0);
		for (const server of servers) {
			expect(
				(await checkServer(server)).filter(({ ok }) => !ok),
				`${told}: ${server}`,
			).toEqual([]);
		}
	}

	test("by a gateway that is cut off during its join says so, and does not touch any server", async () => {
		const cut = pulumi.run(["up", "--yes", "--skip-preview"], { check: false });
		const joining = () => exec(site.gateway.name, ["pgrep", "-f", "^[^ ]*kubeadm join"], { check: false });
		await expect.poll(async () => (await joining()).exitCode, { timeout: 120_000, interval: 50 }).toBe(0);
		await setCable(site.gateway.name, false);
		const { exitCode, stdout, stderr } = await cut;
		await setCable(site.gateway.name, true);
		expect(exitCode, stdout + stderr).not.toBe(0);
		expect(stdout + stderr).toContain(`${site.gateway.name}-node`);
		for (const server of servers) expect(await isCutOff(server), server).toBe(true);
	});

	test("by a second one finishes, and the second one is refused", async () => {
		const began = Date.now();
		const first = pulumi.run(["up", "--yes", "--skip-preview"], { check: false });
		await sleep(3000);
		const second = await pulumi.run(["up", "--yes", "--skip-preview"], { check: false });
		expect(second.exitCode).not.toBe(0);
		expect(second.stdout + second.stderr).toContain("the stack is currently locked by");
		const { exitCode, stdout, stderr } = await first;
		expect(exitCode, stdout + stderr).toBe(0);
		seconds = (Date.now() - began) / 1000;
		await everythingIsAsDesired("after two at once");
	});

	test(`by SIGKILL at random moments is completed by the next one, ${at?.length ?? kills} times`, async () => {
		// An `up` alone takes about half as long as with a second one beside it.
		const moments = at ?? Array.from({ length: kills }, () => Math.round(Math.random() * seconds * 5) / 10);
		process.stderr.write(
			`\nup takes ${seconds.toFixed(1)} s and is killed at POD_GATEWAY_KILLS_AT=${moments.join()}\n`,
		);
		for (const [index, moment] of moments.entries()) {
			const first = index % 2 === 1;
			const told = `${first ? "first deployment" : "another mode"}, killed at ${moment} s`;
			if (first) await pulumi.run(["destroy", "--yes"]);
			// Each mode has other routes for the servers.
			const mode = index % 4 < 2 ? "pools" : "blocks";
			await writeStack({ ...settings, "pod-gateway:routes": { mode } });
			const killed = await killedUp(moment);
			process.stderr.write(`${told}: exit code ${killed.exitCode}\n`);
			// Frees the stack, as a person would by pulumi cancel.
			pulumi = await labPulumi(await resolveEngine(() => {}));
			await everythingIsAsDesired(told);
		}
	});

	test("can be destroyed afterwards, which leaves every server as it was at first", async () => {
		await pulumi.run(["destroy", "--yes"]);
		for (const server of servers) {
			expect(await settledFootprint(server, before.get(server)), server).toEqual(before.get(server));
			expect((await exec(server, ["ip", "route", "show", "proto", "157"])).stdout, server).toBe("");
		}
	});

	/** Runs `pulumi up`, and kills it after so many seconds with everything that it has started. */
	function killedUp(seconds: number): Promise<ExecResult> {
		const line = 'exec timeout --signal KILL "$1" "$POD_GATEWAY_PULUMI" up --yes --skip-preview';
		return pulumi.beside(["sh", "-c", line, "sh", `${seconds}`], { check: false });
	}
});
