import { z } from "zod";

/*
 * A VM's fields: a stack file has them, the request to a hypervisor carries them on, and libvirt-vm.sh checks once more what it gets,
 * as it runs on another machine, as root.
 */

/** Paths reach a script that separates words by blanks, and curl's configuration, which knows quotes. */
export const absolutePath = z.string().regex(/^\/[\w./@+:~-]+$/, "is not an absolute path without spaces");

const url = z.string().regex(/^https?:\/\/[!-~]+$/);

/** Where a disk image comes from. */
export const imageSource = z
	.union([absolutePath, url], "is neither an absolute path nor a URL")
	.refine((source) => !/["\\]/.test(source), "has quotes or backslashes; write %22 or %5C")
	.refine((source) => !/^https?:\/\/[^/]*@/.test(source), "has a user name in it, which logs would show; leave it out");

export const sha256 = z
	.string()
	.regex(/^[0-9a-f]{64}$/, "is not a SHA-256 checksum of 64 hex digits; get it with sha256sum");

/** A bridge of the hypervisor. */
export const bridge = z.string().regex(/^[\w.-]{1,15}$/, "is not the name of a network interface; example: br0");

export const mac = z
	.string()
	.regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, "is not a unicast MAC address; example: 52:54:00:a1:b2:c3");

export const commandLine = z.string().regex(/^[ -~]+$/, "has characters no kernel command line has");

export const prefixLength = z
	.int("is not a prefix length")
	.min(1, "is not a prefix length")
	.max(128, "is not a prefix length");

/** A number with its bounds. @param what is counted, in words. */
export function count(what: string, from: number, to: number) {
	const message = `is not a number of ${what} from ${from} to ${to}`;
	return z.int(message).min(from, message).max(to, message);
}

export const cpus = count("processors", 1, 256);
export const memory = count("MiB", 512, 1_048_576);
export const disk = count("GiB", 2, 16_384);
