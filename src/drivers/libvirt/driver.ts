import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { z } from "zod";
import type { Address } from "../../core/values/address.ts";
import { listed, refusal, valueOrRefusal } from "../../messages/refusal.ts";
import { publicKeyOf } from "../../remote/hostKeyPair.ts";
import { revealSecret } from "../../remote/secretFile.ts";
import { address, hostAddress, hostAddress6, hostKey, seconds, text } from "../../settings/fields.ts";
import { sshTarget } from "../../settings/reach.ts";
import { ssh } from "../../settings/sshSchema.ts";
import type { Driver } from "../driver.ts";
import {
	absolutePath,
	bridge,
	commandLine,
	count,
	cpus,
	disk,
	imageSource,
	mac,
	memory,
	prefixLength,
	sha256,
} from "./fields.ts";
import type { VmDefinition, VmNetwork } from "./vm/definition.ts";
import { describeVm } from "./vm/describe.ts";
import { macFor } from "./vm/mac.ts";

const network = z.discriminatedUnion("dhcp", [
	z.strictObject({
		dhcp: z.literal(true).describe("A DHCP server knows the MAC address and assigns the gateway's address."),
	}),
	z.strictObject({
		dhcp: z.literal(false).optional(),
		prefixLength: prefixLength.describe("Prefix length of address's network. Example: 24"),
		router: address.optional().describe("Default gateway of address's family."),
		prefixLength6: prefixLength.default(64).describe("Prefix length of address6's network. Default: 64."),
		router6: address.optional().describe("Default gateway of address6's family."),
		nameservers: z.array(address).default([]).describe("Nameservers of the machine itself."),
	}),
]);

const libvirt = z
	.strictObject({
		hypervisor: z
			.strictObject({
				address: hostAddress.describe("Address of the hypervisor."),
				hostKey: hostKey.describe("The hypervisor's public host key, ed25519 or ecdsa."),
				ssh: ssh.optional().describe("Values for the hypervisor that differ from pod-gateway:ssh."),
			})
			.describe("A machine with libvirt and QEMU, reached over SSH as root."),
		image: z
			.strictObject({
				source: imageSource.describe("Disk image with cloud-init, qcow2 or raw: a path on the hypervisor or a URL."),
				sha256: sha256.describe("SHA-256 of the image file."),
			})
			.describe("The image that the VM's disk is made from."),
		cpus: cpus.default(2).describe("Processors. Default: 2."),
		memory: memory.default(2048).describe("Memory in MiB. Default: 2048."),
		disk: disk.default(20).describe("Size of the disk in GiB. Default: 20."),
		bridge: bridge.describe("Bridge of the hypervisor that leads to the servers' network. Example: br0"),
		mac: mac
			.optional()
			.describe("MAC address of the VM at address. Default: made from the gateway's name and address."),
		network: network.describe("The VM's addresses: static, or by DHCP."),
		boot: z
			.strictObject({
				kernel: absolutePath.describe("Path of the kernel on the hypervisor."),
				initrd: absolutePath.describe("Path of the initial RAM disk on the hypervisor."),
				commandLine: commandLine.describe("What the kernel is started with. Example: root=LABEL=root rw console=ttyS0"),
			})
			.optional()
			.describe("The kernel that the hypervisor starts, for an image without a boot loader."),
		emulation: z
			.boolean()
			.default(false)
			.describe("Whether QEMU emulates the processor, for a hypervisor without KVM; slow. Default: false."),
		authorizedKeys: z
			.array(text)
			.default([])
			.describe(
				"More public keys that may log in. The one that belongs to the private key of the settings always may.",
			),
		directory: absolutePath
			.default("/var/lib/libvirt/images")
			.describe("Folder for the disks on the hypervisor. Default: /var/lib/libvirt/images."),
		bootTimeout: seconds(30, 3600).default(300).describe("Seconds within which the VM must boot. Default: 300."),
		generation: count("rebuilds", 1, 1_000_000)
			.default(1)
			.describe("A new number rebuilds the VM even if nothing else has changed. Default: 1."),
	})
	.describe("The virtual machine.");

const settings = {
	address: hostAddress.describe("IPv4 or IPv6 address; also the servers' next hop."),
	address6: hostAddress6.optional().describe("IPv6 address, if address is IPv4."),
	spareAddress: hostAddress
		.optional()
		.describe(
			"Second address. With it, a new VM boots and is surveyed beside the old one; then the servers are switched to it and the old one is removed.",
		),
	spareAddress6: hostAddress6.optional().describe("IPv6 address, if spareAddress is IPv4."),
	libvirt,
};
type Settings = z.output<z.ZodObject<typeof settings>>;

/** One of the VM's two slots: `a` is at `address`, `b` at `spareAddress`. A new VM takes the slot that the old one does not use. */
type Slot = "a" | "b";

/**
 * A virtual machine on a hypervisor with libvirt. A change of its definition replaces it. With a spare address, the new VM
 * boots beside the old one; otherwise the old one is removed first.
 */
export const driver: Driver<typeof settings> = {
	settings,
	provision({ gateway, settings, reach, settled, parent }) {
		const { name } = gateway;
		const { libvirt, spareAddress } = settings;
		const problems = familyProblems(settings);
		if (problems.length > 0) throw refusal(listed(`the addresses of gateway ${name} do not fit together`, problems));
		const tool = (verb: string) => `exec node --import tsx tools/gateway-vm.ts ${verb}`;
		const logging = command.local.Logging.Stderr;

		// The key is made before the VM and kept when the VM is replaced, so that every connection can be verified, also the first.
		const pair = new command.local.Command(
			`${name}-host-key`,
			{ create: tool("host-key"), logging: command.local.Logging.None, addPreviousOutputInEnv: false },
			{ parent, additionalSecretOutputs: ["stdout"] },
		).stdout.apply((json): { privateKey: string; publicKey: string } => JSON.parse(json));
		const publicKey = pulumi.unsecret(pair.apply((own) => own.publicKey));

		const generation = `generation ${libvirt.generation}`;
		const linesAt = (slot: Slot) => [...describeVm(definitionAt(slot, name, settings)), generation];
		const slot = spareAddress
			? new command.local.Command(
					`${name}-slot`,
					{
						stdin: [...linesAt("a"), ...linesAt("b")].join("\n"),
						// The previous output is the VM's slot. A new VM takes the other one.
						create: "cat >/dev/null; echo a",
						update: 'cat >/dev/null; case "$PULUMI_COMMAND_STDOUT" in a) echo b ;; *) echo a ;; esac',
						logging: command.local.Logging.None,
					},
					{ parent },
				).stdout.apply((text): Slot => (text === "b" ? "b" : "a"))
			: pulumi.output<Slot>("a");
		const definition = slot.apply((at) => definitionAt(at, name, settings));
		const addresses = slot.apply((at) => addressesAt(at, settings));

		const { user } = gateway.ssh;
		const ownKey = gateway.ssh.auth.privateKey?.apply((key) =>
			valueOrRefusal(
				publicKeyOf(revealSecret(key, "privateKeyFile")),
				`the private key for ${name} cannot be used to log in to its VM`,
			),
		);
		if (!ownKey && libvirt.authorizedKeys.length === 0) {
			throw refusal(`gateway ${name}: its key is in the SSH agent; write the public part into libvirt.authorizedKeys`);
		}
		const authorizedKeys = pulumi.output(ownKey ? [ownKey] : []).apply((keys) => [...keys, ...libvirt.authorizedKeys]);

		const request = pulumi.jsonStringify({
			hypervisor: sshTarget(reach(libvirt.hypervisor)),
			directory: libvirt.directory,
			definition,
			access: { user, authorizedKeys, hostKey: pair },
			machine: sshTarget({ address: addresses.apply(({ address }) => address), hostKey: publicKey, ssh: gateway.ssh }),
			bootTimeout: libvirt.bootTimeout,
		});
		const vm = new command.local.Command(
			`${name}-vm`,
			{
				stdin: pulumi.secret(pulumi.all([request, settled]).apply(([text]) => text)),
				create: tool("create"),
				update: tool("ensure"),
				delete: tool("delete"),
				// A preview knows every line that is the same in both slots.
				triggers: linesAt("a").map((line, index) =>
					linesAt("b")[index] === line ? line : slot.apply((at) => linesAt(at)[index] ?? ""),
				),
				logging,
			},
			{ parent, deleteBeforeReplace: spareAddress === undefined },
		);
		return {
			address: addresses.apply(({ address }) => address.text),
			address6: addresses.apply(({ address6 }) => address6?.text),
			hostKey: publicKey,
			identity: vm.stdout,
			nodeName: slot.apply((at) => nameAt(at, gateway.nodeName)),
			sideBySide: spareAddress !== undefined,
			disposable: true,
		};
	},
};

/** Slot `a` has the plain name, so that a spare address can be added to an existing VM. */
function nameAt(slot: Slot, name: string): string {
	return slot === "a" ? name : `${name}-b`;
}

interface SlotAddresses {
	readonly address: Address;
	readonly address6?: Address | undefined;
}

function addressesAt(slot: Slot, { address, address6, spareAddress, spareAddress6 }: Settings): SlotAddresses {
	return slot === "a" || !spareAddress ? { address, address6 } : { address: spareAddress, address6: spareAddress6 };
}

function definitionAt(slot: Slot, gateway: string, settings: Settings): VmDefinition {
	const { libvirt } = settings;
	const addresses = addressesAt(slot, settings);
	const name = nameAt(slot, gateway);
	return {
		name,
		image: libvirt.image,
		cpus: libvirt.cpus,
		memory: libvirt.memory,
		disk: libvirt.disk,
		bridge: libvirt.bridge,
		// VMs in both slots may run at once, so only slot `a` gets the MAC address of the settings.
		mac: (slot === "a" ? libvirt.mac : undefined) ?? macFor(name, addresses.address),
		network: networkOf(libvirt.network, addresses),
		boot: libvirt.boot,
		emulation: libvirt.emulation,
	};
}

function networkOf(network: Settings["libvirt"]["network"], { address, address6 }: SlotAddresses): VmNetwork {
	if (network.dhcp) return { dhcp: true };
	const { prefixLength, router, prefixLength6, router6, nameservers } = network;
	return {
		dhcp: false,
		addresses: [
			{ address, prefixLength, router },
			...(address6 ? [{ address: address6, prefixLength: prefixLength6, router: router6 }] : []),
		],
		nameservers,
	};
}

function familyProblems({ address, address6, spareAddress, spareAddress6, libvirt: { network } }: Settings) {
	const problems: string[] = [];
	const other = (one: Address | undefined, of: Address) => one !== undefined && one.family !== of.family;
	if (other(spareAddress, address)) problems.push("spareAddress: is not of address's family; write one that is");
	if (spareAddress && (address6 === undefined) !== (spareAddress6 === undefined)) {
		problems.push("spareAddress6: set both address6 and spareAddress6, or neither");
	}
	if (!network.dhcp) {
		if (other(network.router, address)) problems.push("libvirt.network.router: is not of address's family");
		if (address6 && other(network.router6, address6)) problems.push("libvirt.network.router6: is an IPv4 address");
		if (address.family === 4 && network.prefixLength > 32) {
			problems.push("libvirt.network.prefixLength: is more than 32, but address is an IPv4 address");
		}
	}
	return problems;
}
