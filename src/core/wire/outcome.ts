import { z } from "zod";
import { parseJson } from "../values/read.ts";
import { type DeploymentRecord, recordSchema } from "./deploymentRecord.ts";

/** What the host script did on a server. */
export interface Outcome {
	/** The method that `auto` came to; `unknown` where the script did not say. */
	readonly dnsMethod: string;
	/** What the deployment left there; undefined of a version that left none. */
	readonly record?: DeploymentRecord;
}

const outcome = z.object({
	dnsMethod: z.string().default("unknown"),
	record: recordSchema.nullish().catch(undefined),
});

/** Reads the standard output of `pod-gateway-host apply`. What makes no sense is left out: the change is in force all the same. */
export function parseOutcome(stdout: string): Outcome {
	const { data } = outcome.safeParse(lastLine(stdout));
	return { dnsMethod: data?.dnsMethod ?? "unknown", ...(data?.record && { record: data.record }) };
}

/** The last line of what the host script printed, which is JSON; undefined where it is not. */
export function lastLine(stdout: string): unknown {
	return parseJson(stdout.trimEnd().split("\n").at(-1) ?? "");
}

/** What the last line says was done, such as `applied` or `restored`; undefined where it says nothing. */
export function resultOf(stdout: string): string | undefined {
	const read = z.object({ result: z.string() }).safeParse(lastLine(stdout));
	return read.success ? read.data.result : undefined;
}
