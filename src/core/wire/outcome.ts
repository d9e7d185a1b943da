import { z } from "zod";
import { parseJson } from "../values/read.ts";
import { type DeploymentRecord, recordSchema } from "./deploymentRecord.ts";

/** The outcome of the host script on a server. */
export interface Outcome {
	/** The method that `auto` chose; `unknown` if the script did not name it. */
	readonly dnsMethod: string;
	/** The record of the deployment; undefined if the script's version did not write records. */
	readonly record?: DeploymentRecord;
}

const outcome = z.object({
	dnsMethod: z.string().default("unknown"),
	record: recordSchema.nullish().catch(undefined),
});

/** Reads the standard output of `pod-gateway-host apply`. Ignores unreadable parts, because the change is in force in any case. */
export function parseOutcome(stdout: string): Outcome {
	const { data } = outcome.safeParse(lastLine(stdout));
	return { dnsMethod: data?.dnsMethod ?? "unknown", ...(data?.record && { record: data.record }) };
}

/** The last line of the host script's output, which is JSON; undefined if it is not. */
export function lastLine(stdout: string): unknown {
	return parseJson(stdout.trimEnd().split("\n").at(-1) ?? "");
}

/** The result in the last line, such as `applied` or `restored`; undefined if it does not have one. */
export function resultOf(stdout: string): string | undefined {
	const read = z.object({ result: z.string() }).safeParse(lastLine(stdout));
	return read.success ? read.data.result : undefined;
}
