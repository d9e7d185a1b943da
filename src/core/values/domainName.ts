import { printable } from "./printable.ts";
import { failure, type Result, success } from "./result.ts";

const LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
const NAME = new RegExp(`^${LABEL}(\\.${LABEL})*$`);

/** Reads a DNS name as Kubernetes writes them (RFC 1123): lower case, no dot at the end, at most 253 characters. */
export function parseDomainName(text: string): Result<string> {
	const name = text.toLowerCase().replace(/\.$/, "");
	return NAME.test(name) && name.length <= 253
		? success(name)
		: failure(`${printable(text)} is not a DNS name such as cluster.local`);
}

/** Reads one label of a DNS name: lower-case letters, digits and hyphens, at most 63. */
export function parseLabel(text: string): Result<string> {
	return NAME.test(text) && !text.includes(".")
		? success(text)
		: failure(`${printable(text)} is not a name of at most 63 lower-case letters, digits and hyphens`);
}

/** Whether the name lies below the domain. */
export function isBelow(name: string, domain: string): boolean {
	return name.endsWith(`.${domain}`);
}
