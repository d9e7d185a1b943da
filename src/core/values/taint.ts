import { printable } from "./printable.ts";
import { failure, type Result, success } from "./result.ts";

/** A node's taint, which keeps pods off the node unless they tolerate it. */
export interface Taint {
	readonly key: string;
	readonly value: string;
	readonly effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
}

const TAINT = /^([^=:]+)=([^=:]*):(NoSchedule|PreferNoSchedule|NoExecute)$/;
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const DOMAIN = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

/** Reads `key=value:Effect` as kubectl does. The value may be empty. */
export function parseTaint(text: string): Result<Taint> {
	const [, key, value, effect] = TAINT.exec(text) ?? [];
	return key !== undefined && value !== undefined && effect !== undefined && isQualifiedName(key) && isLabelValue(value)
		? success({ key, value, effect: effect as Taint["effect"] })
		: failure(
				`${printable(text)} is not key=value:Effect with the effect NoSchedule, PreferNoSchedule or NoExecute; ` +
					"example: pod-gateway=true:NoSchedule",
			);
}

/** Whether this can be the key of a label or taint: a name, optionally after a DNS domain and a slash. */
export function isQualifiedName(key: string): boolean {
	const [name = "", domain, ...rest] = key.split("/").reverse();
	return rest.length === 0 && NAME.test(name) && (domain === undefined || DOMAIN.test(domain));
}

/** Whether this can be the value of a label or taint. */
export function isLabelValue(value: string): boolean {
	return value === "" || NAME.test(value);
}
