import { readFile } from "node:fs/promises";
import { shellWord } from "../../src/remote/hostScript.ts";
import { type ExecOptions, type ExecResult, exec, type HostSpec, inOperator, isUp } from "../host.ts";
import { operatorKeyFile } from "../keys.ts";
import { enableUnit, fill, networkValues, put, usePlainResolvConf } from "../network.ts";
import { site } from "../site.ts";
import { vmFolder } from "./image.ts";

const machine = site.hypervisor;

/** The folder in which the hypervisor sees the images of `ensureVmImages`. */
export const imagesOnHypervisor = "/srv/images";

/** A machine with libvirt, QEMU, and a bridge `br0` on the site's network. */
export const hypervisorSpec: HostSpec = {
	name: machine.name,
	layers: ["hypervisor"],
	devices: ["/dev/net/tun"],
	binds: { [imagesOnHypervisor]: vmFolder() },
	async prepare(root) {
		const values = networkValues(machine);
		for (const [file, template] of [
			["10-br0.netdev", "br0.netdev"],
			["20-eth0.network", "br0-port.network"],
			["30-br0.network", "br0.network"],
		] as const) {
			await put(root, `etc/systemd/network/${file}`, await fill(template, values));
		}
		await enableUnit(root, "multi-user.target", "systemd-networkd.service");
		await usePlainResolvConf(root, machine);
		const qemu = await readFile(new URL("../hosts/qemu.conf", import.meta.url), "utf8");
		await put(root, "etc/libvirt/qemu.conf", qemu);
	},
};

/** Runs virsh on the hypervisor and returns what it wrote. */
export async function virsh(argv: readonly string[], options: ExecOptions = {}): Promise<string> {
	return (await exec(machine.name, ["virsh", "--quiet", ...argv], options)).stdout;
}

/** The state of each VM that the hypervisor knows, in virsh's words, by its name; empty when the hypervisor is down. */
export async function domains(): Promise<ReadonlyMap<string, string>> {
	if (!isUp(machine.name)) return new Map();
	const lines = (await virsh(["list", "--all"], { check: false, timeoutSeconds: 10 })).split("\n");
	const rows = lines.map((line) => line.trim().split(/\s{2,}/)).filter((row) => row.length === 3);
	return new Map(rows.map(([, name = "", state = ""]) => [name, state]));
}

/** The address of a gateway's VM by its name. A second VM has the spare address. */
export function vmAddress(name: string): string {
	return name === site.gateway.name ? site.gateway.address : site.spareAddress;
}

/** Runs a command on a gateway's VM as root, by SSH from the operator's workstation. Returns and throws as `exec` does. */
export async function execVm(name: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
	// Does not check the host key: other tests do, and nobody else is on the lab's wire.
	const trusting = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"];
	const ssh = ["ssh", ...trusting, "-o", "ConnectTimeout=10", "-i", operatorKeyFile(), `root@${vmAddress(name)}`];
	return inOperator([...ssh, "--", argv.map(shellWord).join(" ")], options);
}
