import { posix } from "node:path";
import { z } from "zod";
import { parseAddress } from "../../core/values/address.ts";
import { parseLabel } from "../../core/values/domainName.ts";
import { sshTargetSchema } from "../../remote/sshTarget.ts";
import {
	absolutePath,
	bridge,
	commandLine,
	cpus,
	disk,
	imageSource,
	mac,
	memory,
	prefixLength,
	sha256,
} from "./fields.ts";
import type { VmAccess, VmDefinition } from "./vm/definition.ts";

const address = z
	.object({ text: z.string(), family: z.literal([4, 6]), bits: z.string() })
	.refine(({ text }) => parseAddress(text).ok, "is not an address");
const path = absolutePath.transform((text) => posix.normalize(text).replace(/\/$/, ""));

const definition: z.ZodType<VmDefinition> = z.object({
	name: z.string().refine((text) => parseLabel(text).ok, "is not one label of a DNS name"),
	image: z.object({ source: imageSource, sha256 }),
	cpus,
	memory,
	disk,
	bridge,
	mac,
	network: z.discriminatedUnion("dhcp", [
		z.object({ dhcp: z.literal(true) }),
		z.object({
			dhcp: z.literal(false),
			addresses: z.array(z.object({ address, prefixLength, router: address.optional() })).min(1),
			nameservers: z.array(address),
		}),
	]),
	boot: z.object({ kernel: path, initrd: path, commandLine }).optional(),
	emulation: z.boolean(),
});

const access: z.ZodType<VmAccess> = z.object({
	user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "is not the name of a user"),
	authorizedKeys: z.array(z.string().regex(/^[^\r\n]+$/, "is not one line")).min(1),
	hostKey: z.object({ privateKey: z.string(), publicKey: z.string().regex(/^[ -~]+$/, "is not one line of ASCII") }),
});

/** The input of `tools/gateway-vm.ts`: one hypervisor and one VM. It contains two private keys, so it is secret. */
export const vmRequest = z.object({
	hypervisor: sshTargetSchema,
	/** Absolute path of the hypervisor's folder for disks. */
	directory: path,
	definition,
	access,
	/** The VM itself, with its pinned host key. */
	machine: sshTargetSchema,
	/** Seconds within which the VM must boot. */
	bootTimeout: z.number().positive(),
});

export type VmRequest = z.output<typeof vmRequest>;
