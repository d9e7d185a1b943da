import { ApiException } from "@kubernetes/client-node";
import { messageOf } from "../core/values/messageOf.ts";
import { printableReason } from "../core/values/printable.ts";
import { parseJson } from "../core/values/read.ts";

/**
 * The error as a text for people. For an answer of the API server, this is its status and message; the error's own text would
 * be the whole answer with its headers.
 *
 * @param asked the request as a permission, verb and object. Example: `list nodes`.
 */
export function problemOf(error: unknown, asked?: string): string {
	if (!(error instanceof ApiException)) return messageOf(error);
	if (asked === undefined) return `the API server answered ${error.code}: ${statusMessage(error.body)}`;
	if (error.code === 403) return `the kubeconfig's user may not ${asked}`;
	return `the API server answers ${error.code} to «${asked}»: ${statusMessage(error.body)}`;
}

/** Whether the API server answered that the object does not exist. */
export function isNotFound(error: unknown): boolean {
	return error instanceof ApiException && error.code === 404;
}

/** The message of a Status object, which is given as text or as an object. */
function statusMessage(body: unknown): string {
	const status = typeof body === "string" ? parseJson(body) : body;
	const message = typeof status === "object" && status !== null && "message" in status ? status.message : body;
	return printableReason(message);
}
