import { printable } from "../../core/values/printable.ts";
import { words } from "../../core/values/words.ts";
import { hostScript } from "../../remote/hostScript.ts";
import type { Run } from "../../remote/shell.ts";
import type { RemoteResult } from "../../remote/ssh.ts";
import type { SshTarget } from "../../remote/sshTarget.ts";
import type { VmRequest } from "./request.ts";
import { renderMetaData, renderNetworkConfig, renderUserData } from "./vm/cloudInit.ts";
import { digestOf } from "./vm/describe.ts";
import { filesOf, renderDomain } from "./vm/domainXml.ts";

/**
 * The hypervisor's domain under a VM's name. `foreign`: pod-gateway did not make it. `unfinished`: it never finished booting.
 * `digest` is the {@link digestOf} of its definition.
 */
export type VmState =
	| { readonly is: "absent" | "foreign" | "unfinished" }
	| { readonly is: "ready"; readonly digest: string; readonly instanceId: string };

/** Seconds for each action. Actions that change something may wait 900 s for another run. `create` may download an image. */
export const TIME_LIMITS = { state: 90, console: 90, ready: 1000, start: 1100, delete: 1400, create: 3600 };

/** Runs host/libvirt-vm.sh on the hypervisor for one VM. Every method throws an Error with the script's output if it fails. */
export class Hypervisor {
	private readonly target: SshTarget;
	private readonly run: Run;
	private readonly directory: string;
	private readonly name: string;

	constructor({ hypervisor, directory, definition }: VmRequest, run: Run) {
		this.target = hypervisor;
		this.run = run;
		this.directory = directory;
		this.name = definition.name;
	}

	async state(): Promise<VmState> {
		return parseState(await this.script("state"));
	}

	/** Makes the VM and starts it. @param input from `renderInput`. */
	async create(input: string): Promise<void> {
		await this.script("create", { input });
	}

	/** Marks the VM as booted. */
	async markReady(): Promise<void> {
		await this.script("ready");
	}

	/** Starts the VM unless it runs. @returns whether it had to be started. */
	async start(): Promise<boolean> {
		return (await this.script("start")).trim() === "started";
	}

	/** Removes the VM, if it exists. @param keepImage whether to keep a downloaded image for the next VM. */
	async delete({ keepImage }: { keepImage: boolean }): Promise<void> {
		await this.script("delete", { options: keepImage ? ["--keep-image"] : [] });
	}

	/** The end of the VM's console output. */
	async console(): Promise<string> {
		return await this.script("console");
	}

	private async script(
		action: keyof typeof TIME_LIMITS,
		{ input = "", options = [] }: { input?: string; options?: readonly string[] } = {},
	): Promise<string> {
		const args = ["--directory", this.directory, action, this.name, ...options];
		const limits = { input, timeout: TIME_LIMITS[action] };
		const result = await this.run(this.target, hostScript("libvirt-vm.sh"), { args, ...limits });
		return stdoutOrThrow(`${action} of the VM ${this.name} failed on the hypervisor ${this.target.host}`, result);
	}
}

/** The command with which a person removes the VM on the hypervisor. */
export function removalByHand({ directory, definition }: VmRequest): string {
	return `sh libvirt-vm.sh --directory ${directory} delete ${definition.name} (the script is host/libvirt-vm.sh)`;
}

/** The standard output of a command. @throws Error with its standard error if it failed. */
export function stdoutOrThrow(what: string, { exitCode, stdout, stderr }: RemoteResult): string {
	if (exitCode !== 0) throw new Error(`${what} (exit code ${exitCode}):\n${words(stderr)}`);
	return stdout;
}

/** Reads the output of `libvirt-vm.sh state`. @throws Error if it is not a state. */
export function parseState(stdout: string): VmState {
	const [, digest, instanceId] = /^ready ([0-9a-f]{64}) ([A-Za-z0-9.-]+)\n$/.exec(stdout) ?? [];
	if (digest !== undefined && instanceId !== undefined) return { is: "ready", digest, instanceId };
	const is = stdout.trim();
	if (is === "absent" || is === "foreign" || is === "unfinished") return { is };
	throw new Error(`the hypervisor did not answer with a state of the VM: ${printable(stdout)}`);
}

/** The input of `libvirt-vm.sh create`. It contains the VM's private host key, so it is secret. */
export function renderInput({ definition, access, directory }: VmRequest, instanceId: string): string {
	const { image, disk, bridge, emulation, boot } = definition;
	const file = (name: string, text: string) => `file ${name} ${Buffer.from(text).toString("base64")}`;
	return [
		"pod-gateway-vm 1",
		`digest ${digestOf(definition)}`,
		`instance-id ${instanceId}`,
		`image-source ${image.source}`,
		`image-sha256 ${image.sha256}`,
		`disk-gib ${disk}`,
		`bridge ${bridge}`,
		`emulation ${emulation ? "yes" : "no"}`,
		...(boot ? [`boot-file ${boot.kernel}`, `boot-file ${boot.initrd}`] : []),
		file("domain.xml", renderDomain(definition, filesOf(directory, definition.name))),
		file("user-data", renderUserData(definition, access)),
		file("meta-data", renderMetaData(instanceId, definition)),
		file("network-config", renderNetworkConfig(definition)),
		"end",
		"",
	].join("\n");
}
