import { posix } from "node:path";
import { z } from "zod";
import { parseAddress } from "../network/address.ts";
import { parseLabel } from "../network/domainName.ts";
import { sshTargetSchema } from "../remote/sshTarget.ts";
import type { VmAccess, VmDefinition } from "../vm/definition.ts";

const address = z
	.object({ text: z.string(), family: z.literal([4, 6]), bits: z.string() })
	.refine(({ text }) => parseAddress(text).ok, "is not an address");
/** Paths and URLs reach a script that separates words by blanks, and curl's configuration, which knows quotes. */
const word = /^[^\s"\\]+$/;
const path = z
	.string()
	.regex(/^\/[\w./@+:~-]+$/, "is not an absolute path of letters, digits and . _ / @ + : ~ -")
	.transform((text) => posix.normalize(text).replace(/\/$/, ""));
const line = z.string().regex(/^[ -~]+$/, "is not one line of ASCII");

const definition: z.ZodType<VmDefinition> = z.object({
	name: z.string().refine((text) => parseLabel(text).ok, "is not one label of a DNS name"),
	image: z.object({
		source: z
			.string()
			.regex(word, "has blanks or quotes")
			.regex(/^(\/|https?:\/\/[^/@]+\/)/, "is neither an absolute path nor an http(s) URL without a user name"),
		sha256: z.string().regex(/^[0-9a-f]{64}$/, "is not SHA-256 in hex"),
	}),
	cpus: z.int().min(1),
	memory: z.int().min(1),
	disk: z.int().min(1).max(999_999),
	bridge: z.string().regex(/^[\w.-]{1,15}$/, "is not the name of a bridge"),
	mac: z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, "is not a MAC address"),
	network: z.discriminatedUnion("dhcp", [
		z.object({ dhcp: z.literal(true) }),
		z.object({
			dhcp: z.literal(false),
			addresses: z
				.array(z.object({ address, prefixLength: z.int().min(0).max(128), router: address.optional() }))
				.min(1),
			nameservers: z.array(address),
		}),
	]),
	boot: z.object({ kernel: path, initrd: path, commandLine: line }).optional(),
	emulation: z.boolean(),
});

const access: z.ZodType<VmAccess> = z.object({
	user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "is not the name of a user"),
	authorizedKeys: z.array(z.string().regex(/^[^\r\n]+$/, "is not one line")).min(1),
	hostKey: z.object({ privateKey: z.string(), publicKey: line }),
});

/** What `tools/gateway-vm.ts` reads on standard input: one hypervisor, one VM. Secret: two private keys are in it. */
export const vmRequest = z.object({
	hypervisor: sshTargetSchema,
	/** Absolute path of the hypervisor's folder for disks. */
	directory: path,
	definition,
	access,
	/** The VM itself, with its pinned host key. */
	machine: sshTargetSchema,
	/** Seconds from the VM's start until it must have booted. */
	bootTimeout: z.number().positive(),
});

export type VmRequest = z.output<typeof vmRequest>;
