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

/** What the hypervisor knows under a VM's name. */
export type VmState =
	| { readonly is: "absent" | "foreign" | "unfinished" }
	| { readonly is: "ready"; readonly digest: string; readonly instanceId: string };

/** Seconds. What changes something may wait 900 for another run; making a VM may include a download. */
export const TIME_LIMITS = { state: 90, console: 90, ready: 1000, start: 1100, delete: 1400, create: 3600 };

/** The hypervisor as far as one VM goes: host/libvirt-vm.sh, run there. */
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

	/** Says that the VM has booted. */
	async markReady(): Promise<void> {
		await this.script("ready");
	}

	/** Starts the VM unless it runs. @returns whether it had to be started. */
	async start(): Promise<boolean> {
		return (await this.script("start")).trim() === "started";
	}

	/** Removes the VM; no error when there is none. @param keepImage a downloaded image is to be used again. */
	async delete({ keepImage }: { keepImage: boolean }): Promise<void> {
		await this.script("delete", { options: keepImage ? ["--keep-image"] : [] });
	}

	/** The end of what the VM wrote to its console. */
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

/** How a person removes the VM on the hypervisor itself. */
export function removalByHand({ directory, definition }: VmRequest): string {
	return `sh libvirt-vm.sh --directory ${directory} delete ${definition.name} (the script is host/libvirt-vm.sh)`;
}

/** What a command printed. @throws Error with what it complained of when it failed. */
export function stdoutOrThrow(what: string, { exitCode, stdout, stderr }: RemoteResult): string {
	if (exitCode !== 0) throw new Error(`${what} (exit code ${exitCode}):\n${words(stderr)}`);
	return stdout;
}

/** Reads what `libvirt-vm.sh state` prints. @throws Error when it is nothing of that kind. */
export function parseState(stdout: string): VmState {
	const [, digest, instanceId] = /^ready ([0-9a-f]{64}) ([A-Za-z0-9.-]+)\n$/.exec(stdout) ?? [];
	if (digest !== undefined && instanceId !== undefined) return { is: "ready", digest, instanceId };
	const is = stdout.trim();
	if (is === "absent" || is === "foreign" || is === "unfinished") return { is };
	throw new Error(`the hypervisor gave no state of the VM but: ${printable(stdout)}`);
}

/** The lines that `libvirt-vm.sh create` reads; secret, because the VM's private host key is in them. */
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
