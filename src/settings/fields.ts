import { z } from "zod";
import { type Address, parseAddress } from "../core/values/address.ts";
import { parseDomainName, parseLabel } from "../core/values/domainName.ts";
import { HOST_KEY_MISSING, parseHostKey } from "../core/values/hostKey.ts";
import { parsePrefix } from "../core/values/prefix.ts";
import { printable } from "../core/values/printable.ts";
import { reservedFor } from "../core/values/reservedRanges.ts";
import { failure, type Result, success } from "../core/values/result.ts";
import { isLabelValue, isQualifiedName, parseTaint } from "../core/values/taint.ts";
import { parseCertificates, parsePrivateKey } from "./pem.ts";

/** A text that `parse` reads, with its problems as the schema's. @param missing the message for an absent value. */
function read<Value>(parse: (text: string) => Result<Value>, missing?: string) {
	return z
		.string(missing === undefined ? undefined : { error: ({ input }) => (input === undefined ? missing : undefined) })
		.transform((text, context) => {
			const result = parse(text);
			if (result.ok) return result.value;
			context.issues.push(...result.problems.map((message) => ({ code: "custom" as const, message, input: text })));
			return z.NEVER;
		});
}

/** A name that is one label of a DNS name. */
export const label = read(parseLabel);

/** A DNS name. */
export const domainName = read(parseDomainName);

/** A prefix in CIDR notation. */
export const prefix = read((text) => parsePrefix(text));

/** Any IPv4 or IPv6 address. */
export const address = read(parseAddress);

/** The address of one machine, which other machines can reach. */
export const hostAddress = read((text) => {
	const parsed = parseAddress(text);
	return parsed.ok ? asHost(parsed.value) : parsed;
});

/** The IPv6 address of one machine. */
export const hostAddress6 = read((text) => {
	const parsed = parseAddress(text);
	if (!parsed.ok) return parsed;
	return parsed.value.family === 6
		? asHost(parsed.value)
		: failure(`${printable(text)} is an IPv4 address; set address to it`);
});

/** The address or DNS name of a machine to connect to. */
export const host = read((text) => {
	const parsed = parseAddress(text);
	if (parsed.ok) return success(parsed.value.text);
	const name = parseDomainName(text);
	return name.ok && !/^[\d.]+$/.test(text) ? name : failure(`${printable(text)} is neither an address nor a DNS name`);
});

/** An SSH host key. */
export const hostKey = read(parseHostKey, HOST_KEY_MISSING);

/** A taint, `key=value:Effect`. */
export const taint = read(parseTaint);

/** An https URL of only a host and a port. @param example a valid one, for the message. */
export function httpsOrigin(example: string) {
	return read((text) => {
		const url = /^https:\/\/[!-~]+$/.test(text) && URL.canParse(text) ? new URL(text) : undefined;
		return url && url.pathname === "/" && url.username === "" && url.search === "" && url.hash === ""
			? success(url.origin)
			: failure(`${printable(text)} is not https://HOST:PORT; example: ${example}`);
	});
}

/** One or more certificates, PEM. */
export const certificates = read(parseCertificates);

/** A private key, PEM. */
export const privateKey = read(parsePrivateKey);

/** A Kubernetes minor version, as text, because an unquoted 1.30 in YAML is the number 1.3. */
export const kubernetesMinor = z
	.string('is not a minor version in quotes; example: "1.34"')
	.regex(/^1\.\d{1,3}$/, 'is not a minor version; example: "1.34"');

/** The URL of an apt repository, in which `{minor}` stands for a version. */
export const repository = z
	.string()
	.refine(
		(url) => /^https?:\/\/[!-~]+$/.test(url) && URL.canParse(url.replaceAll("{minor}", "1.34")),
		"is not the URL of an apt repository; example: https://packages.example.org/kubernetes/v{minor}/deb/",
	);

const LOGIN = "[a-z0-9_][a-z0-9_.-]*";
const DIRECTORY = "[a-z0-9][a-z0-9_.-]*";
const USER = new RegExp(String.raw`^(?:${LOGIN}\\)?${LOGIN}(?:@${DIRECTORY})?\$?$`, "i");

/** A user's name on another machine. It may name a directory: `user@domain`, `DOMAIN\user`. */
export const user = z.string().regex(USER, "is not a user name; example: root");

/** A secret or a path: any text that is not empty. */
export const text = z.string().min(1, "is empty; set it, or leave the key out");

/** Whole seconds between two bounds. */
export function seconds(from: number, to: number) {
	const message = `is not a whole number of seconds from ${from} to ${to}`;
	return z.int(message).min(from, message).max(to, message);
}

/** A share from 0 to 1, with two decimals at most. */
export const share = z
	.number("is not a share from 0 to 1; example: 0.3")
	.min(0, "is not a share from 0 to 1; example: 0.3")
	.max(1, "is not a share from 0 to 1; example: 0.3")
	.multipleOf(0.01, "has more than two decimals");

/** A TCP port. */
export const port = z
	.int("is not a port, 1 to 65535")
	.min(1, "is not a port, 1 to 65535")
	.max(65535, "is not a port, 1 to 65535");

/**
 * Labels that a kubelet may set on its node. Of the keys under kubernetes.io and k8s.io, the NodeRestriction admission plugin
 * only allows those under `kubelet.kubernetes.io` and `node.kubernetes.io`.
 */
export const labels = z.record(z.string(), z.string()).superRefine((record, context) => {
	for (const [key, value] of Object.entries(record)) {
		const domain = key.includes("/") ? (key.split("/")[0] ?? "") : "";
		if (!isQualifiedName(key) || !isLabelValue(value)) {
			context.addIssue({
				code: "custom",
				message: `${printable(`${key}=${value}`)} is not a label; example: pod-gateway: "true"`,
			});
		} else if (/(^|\.)(kubernetes|k8s)\.io$/.test(domain) && !/(^|\.)(kubelet|node)\.kubernetes\.io$/.test(domain)) {
			context.addIssue({
				code: "custom",
				message: `${printable(key)} is a label that a kubelet may not set; use a key of your own`,
			});
		}
	}
});

function asHost(parsed: Address): Result<Address> {
	const reserved = reservedFor(parsed);
	return reserved
		? failure(`${parsed.text} is ${reserved.is} address; write the one at which other machines reach it`)
		: success(parsed);
}
