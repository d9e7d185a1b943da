import { z } from "zod";

/*
 * The forms of a VM's fields, for a stack file and for the request to a hypervisor. libvirt-vm.sh checks its input again,
 * because it runs on another machine as root.
 */

/** An absolute path without blanks and quotes: the script splits words at blanks, and curl's configuration interprets quotes. */
export const absolutePath = z.string().regex(/^\/[\w./@+:~-]+$/, "is not an absolute path without spaces");

const url = z.string().regex(/^https?:\/\/[!-~]+$/);

/** The path or URL of a disk image. */
export const imageSource = z
	.union([absolutePath, url], "is neither an absolute path nor a URL")
	.refine((source) => !/["\\]/.test(source), "has quotes or backslashes; write %22 or %5C")
	.refine((source) => !/^https?:\/\/[^/]*@/.test(source), "contains a user name, which logs would show; leave it out");

export const sha256 = z
	.string()
	.regex(/^[0-9a-f]{64}$/, "is not a SHA-256 checksum of 64 hex digits; get it with sha256sum");

/** A bridge of the hypervisor. */
export const bridge = z.string().regex(/^[\w.-]{1,15}$/, "is not the name of a network interface; example: br0");

export const mac = z
	.string()
	.regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, "is not a unicast MAC address; example: 52:54:00:a1:b2:c3");

export const commandLine = z.string().regex(/^[ -~]+$/, "has characters that a kernel command line cannot have");

export const prefixLength = z
	.int("is not a prefix length")
	.min(1, "is not a prefix length")
	.max(128, "is not a prefix length");

/** A whole number between two bounds. @param what the counted things, for the message. */
export function count(what: string, from: number, to: number) {
	const message = `is not a number of ${what} from ${from} to ${to}`;
	return z.int(message).min(from, message).max(to, message);
}

export const cpus = count("processors", 1, 256);
export const memory = count("MiB", 512, 1_048_576);
export const disk = count("GiB", 2, 16_384);
