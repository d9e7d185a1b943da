import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { checkServer, isCutOff } from "../lab/checks.ts";
import { kubectl } from "../lab/cluster/cluster.ts";
import { resolveEngine } from "../lab/engine/engine.ts";
import { type ExecResult, exec, isUp, powerOff } from "../lab/host.ts";
import { bootGateway, ensureVmParts } from "../lab/lifecycle.ts";
import { lossTable } from "../lab/loss.ts";
import { startProbes } from "../lab/probe.ts";
import { progress } from "../lab/progress.ts";
import { type LabPulumi, labPulumi, timedUp } from "../lab/pulumi.ts";
import { site } from "../lab/site.ts";
import { type GatewaySettings, type LabSettings, labSettings, writeStack } from "../lab/stack.ts";
import { type Phase, timelineTable } from "../lab/timeline.ts";
import { domains, execVm, imagesOnHypervisor, virsh } from "../lab/vm/hypervisor.ts";
import { imageUrl, type VmImages } from "../lab/vm/image.ts";
import { type Footprint, footprint, settledFootprint } from "./footprint.ts";

const servers = site.servers.map(({ name }) => name);
const { name: gw } = site.gateway;
const second = `${gw}-b`;
const spare = { spareAddress: site.spareAddress, spareAddress6: site.spareAddress6 };
const disks = "/var/lib/libvirt/images/pod-gateway";

describe.skipIf(inject("noLab") !== undefined)("a gateway that is a virtual machine", { timeout: 1_800_000 }, () => {
	const before = new Map<string, Footprint>();
	let pulumi: LabPulumi;
	let settings: LabSettings;
	let images: VmImages;

	beforeAll(async () => {
		// Other tests use a machine with the same address as the gateway.
		if (isUp(gw)) await powerOff(gw);
		await bootGateway(progress(), "vm");
		pulumi = await labPulumi(await resolveEngine(() => {}));
		settings = await labSettings("vm");
		({ images } = await ensureVmParts(progress()));
		for (const server of servers) before.set(server, await footprint(server));
	});

	afterAll(async () => {
		if (isUp(site.hypervisor.name)) await powerOff(site.hypervisor.name);
	});

	/** The stack's settings with other values for the gateway and its VM. */
	function gatewayWith(change: object, vm: object = {}): LabSettings {
		const [gateway] = settings["pod-gateway:gateways"];
		const libvirt = { ...(gateway["libvirt"] as object), ...vm };
		return { ...settings, "pod-gateway:gateways": [{ ...gateway, ...change, libvirt } as GatewaySettings] };
	}

	function up(...options: string[]): Promise<ExecResult> {
		return pulumi.run(["up", "--yes", "--skip-preview", ...options], { check: false });
	}

	async function everyServerReaches(): Promise<void> {
		for (const server of servers) {
			expect(
				(await checkServer(server)).filter(({ ok, what }) => !ok && !what.startsWith("traceroute")),
				server,
			).toEqual([]);
		}
	}

	/** Replaces the VM while every server probes a pod and kube-dns, and shows the losses. */
	async function replacing(title: string): Promise<{ phases: readonly Phase[]; outages: number[]; lost: number }> {
		const pod = await kubectl(["get", "pod", "web-0", "--output", "jsonpath={.status.podIP}"]);
		const name = `kubernetes.default.svc.${site.clusterDomain}`;
		const probes = await startProbes(servers, { pod, nameserver: site.dnsAddress, name });
		const origin = new Date();
		const phases = await timedUp(pulumi);
		const results = await probes.stop();
		process.stderr.write(`\n${title}\n${lossTable(results, origin)}\n${timelineTable(phases)}\n`);
		const targets = [...results.values()].flatMap(({ dns, pod }) => [dns, pod]);
		for (const { sent } of targets) expect(sent).toBeGreaterThan(300);
		return {
			phases,
			outages: targets.map(({ longestOutageMs }) => longestOutageMs / 1000),
			lost: targets.reduce((sum, { lost }) => sum + lost, 0),
		};
	}

	test.each([
		["newer than the API server", "1.35"],
		["more than three minor versions older", "1.30"],
	])("a kubelet that is %s is refused before any VM is made", async (_, version) => {
		const [{ kubernetes }] = settings["pod-gateway:gateways"] as [GatewaySettings & { kubernetes: object }];
		await writeStack(gatewayWith({ kubernetes: { ...kubernetes, version } }));
		const { exitCode, stdout, stderr } = await up();
		expect(exitCode).not.toBe(0);
		expect(stdout + stderr).toContain("kubernetes.version");
		expect(stdout + stderr).toContain(version);
		expect([...(await domains()).keys()]).toEqual([]);
	});

	test("up makes it, prepares it from the site's repository, joins and drains it, and every server reaches the pods", async () => {
		await writeStack(settings);
		const { exitCode, stdout, stderr } = await up();
		expect(exitCode, stdout + stderr).toBe(0);
		expect([...(await domains())]).toEqual([[gw, "running"]]);
		expect(await kubectl(["get", "node", gw])).toMatch(/Ready,SchedulingDisabled/);
		for (const server of servers) {
			expect(
				(await checkServer(server)).filter(({ ok }) => !ok),
				server,
			).toEqual([]);
		}
	});

	test("its kube-proxy runs in IPVS mode, its software is held, and its settings will outlive a restart", async () => {
		expect((await execVm(gw, ["cat", "/proc/net/ip_vs"])).stdout).toContain("C060000A:0035");
		expect((await execVm(gw, ["apt-mark", "showhold"])).stdout.split("\n")).toEqual(["kubeadm", "kubelet"]);
		expect((await execVm(gw, ["sysctl", "-n", "net.ipv4.ip_forward"])).stdout).toBe("1");
		expect((await execVm(gw, ["ls", "/etc/modules-load.d/pod-gateway.conf", "/etc/sysctl.d"])).stdout).toContain(
			"90-pod-gateway.conf",
		);
		expect(await virsh(["dominfo", gw])).toMatch(/Autostart: +enable/);
	});

	test("it has an address of each family, as a machine and as a node", async () => {
		expect((await execVm(gw, ["ip", "-o", "-6", "addr", "show", "scope", "global"])).stdout).toContain(
			`${site.gatewayAddress6}/64`,
		);
		const addresses = await kubectl(["get", "node", gw, "--output", "jsonpath={.status.addresses[*].address}"]);
		expect(addresses.split(" ")).toEqual([site.gateway.address, site.gatewayAddress6, gw]);
	});

	test("its host key is the one that was made before it, so that the first connection was verified", async () => {
		const { stdout: state } = await pulumi.run(["stack", "export", "--show-secrets"]);
		const { stdout: own } = await execVm(gw, ["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]);
		expect(state).toContain(own.split(" ").slice(0, 2).join(" "));
		const { stdout: sealed } = await pulumi.run(["stack", "export"]);
		expect(sealed).not.toContain("PRIVATE KEY");
	});

	test("up again changes nothing", async () => {
		const { stdout } = await pulumi.run(["up", "--yes", "--skip-preview", "--expect-no-changes"]);
		expect(stdout).toMatch(/\d+ unchanged/);
	});

	test("after a power cut of its hypervisor, it comes back by itself as it was", async () => {
		await powerOff(site.hypervisor.name);
		await bootGateway(progress(), "vm");
		const failing = async () => (await checkServer("ps-nm")).filter(({ ok }) => !ok).map(({ what }) => what);
		await expect.poll(failing, { timeout: 600_000, interval: 5000 }).toEqual([]);
		await everyServerReaches();
		expect((await execVm(gw, ["cat", "/proc/net/ip_vs"])).stdout).toContain("C060000A:0035");
	});

	test("a preview of another image shows what is replaced, and in which order", async () => {
		await writeStack(gatewayWith({}, image("v2")));
		const { stdout } = await pulumi.run(["preview", "--diff", "--show-replacement-steps"]);
		expect(stdout).toMatch(/~ \[1\]: "image .*v1\.qcow2 .*" => "image .*v2\.qcow2 /);
		expect(steps(stdout)).toEqual([`-- ${gw}-node`, `-- ${gw}-vm`, `++ ${gw}-vm`, `++ ${gw}-node`, "~ ps-nm-network"]);
	});

	test("with a second address, a new VM takes over without a lost probe, and the old one is removed last", async () => {
		await writeStack(gatewayWith(spare));
		expect((await up()).stdout).not.toContain("replaced");
		await writeStack(gatewayWith(spare, image("v2")));
		const preview = await pulumi.run(["preview", "--diff", "--show-replacement-steps"]);
		expect(steps(preview.stdout)).toEqual([
			`++ ${gw}-vm`,
			`++ ${gw}-node`,
			"~ ps-nm-network",
			`-- ${gw}-node`,
			`-- ${gw}-vm`,
		]);
		const { lost } = await replacing("Replaced with a second address");
		expect(lost).toBe(0);
		expect([...(await domains()).keys()]).toEqual([second]);
		expect((await execVm(second, ["cat", "/etc/gateway-image"])).stdout).toBe("v2");
		expect(await kubectl(["get", "nodes", "--output", "name"])).not.toMatch(/node\/gw-1$/m);
		expect((await exec("ps-nm", ["ip", "route"])).stdout).toContain(`via ${site.spareAddress}`);
		await everyServerReaches();
	});

	test("with one address, servers are cut off only while the VM comes up and joins", async () => {
		await writeStack(gatewayWith({}, image("v2", imageUrl(images, "v2"))));
		const { phases, outages } = await replacing("Replaced at one address");
		const pushed = phases.find(({ name }) => name === "push");
		const end = pushed?.start ?? Math.max(...phases.map(({ start, seconds }) => start + seconds));
		const left = phases.find(({ name }) => name === "leave")?.start ?? 0;
		// The tools start between the phases, which takes time, too.
		expect(Math.max(...outages)).toBeLessThan(end - left + 5);
		expect([...(await domains()).keys()]).toEqual([gw]);
		await everyServerReaches();
	});

	test("destroy finishes even if the VM was killed: domain, disk and node are gone, and servers are as before", async () => {
		await virsh(["destroy", gw]);
		const { exitCode, stdout, stderr } = await pulumi.run(["destroy", "--yes"], { check: false });
		expect(exitCode, stdout + stderr).toBe(0);
		expect([...(await domains()).keys()]).toEqual([]);
		expect((await exec(site.hypervisor.name, ["find", disks, "-name", "*.qcow2"], { check: false })).stdout).toBe("");
		expect(await kubectl(["get", "nodes", "--output", "name"])).not.toContain(gw);
		for (const server of servers) {
			expect(await settledFootprint(server, before.get(server)), server).toEqual(before.get(server));
			expect(await isCutOff(server), server).toBe(true);
		}
	});

	/** The VM's settings for an image. */
	function image(version: "v1" | "v2", source = `${imagesOnHypervisor}/${images.folder}/${version}.qcow2`) {
		return { image: { source, sha256: images.sha256[version] } };
	}
});

/** The steps for the gateway and one server in a preview with replacement steps, in order: `++ gw-1-vm` and so on. */
function steps(preview: string): string[] {
	const command =
		/^ *(\+\+|--|~) ?command:\w+:Command:[^[]*\[(?:id=[^\]]*\]\s*\[)?[^[]*::(gw-1-vm|gw-1-node|ps-nm-network)\]/gm;
	const found = preview.matchAll(command);
	return [...found].map(([, sign, name]) => `${sign} ${name}`);
}
