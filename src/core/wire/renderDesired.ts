import type { ServerPlan } from "../plan/serverPlan.ts";

/** The version of the format. The host script refuses versions that it does not know. */
export const FORMAT = 1;

/**
 * The desired state of one server as the host script reads it on standard input: a line per route or setting, which is a
 * keyword and its values, separated by single spaces. The order only depends on the plan, because `pulumi preview --diff` shows
 * the differences between these lines.
 *
 * @throws RangeError if a value is not one word. The values of a plan that passed the guards are.
 */
export function renderDesired({ stack, server, routes, maxShrink, dns, verify, rollbackAfter }: ServerPlan): string {
	const lines: readonly (readonly (string | number)[])[] = [
		["pod-gateway", FORMAT],
		["stack", stack],
		["server", server],
		...routes.map(({ prefix, via }) => ["route", prefix.text, ...via.flatMap(({ text }) => ["via", text])]),
		...(maxShrink === undefined ? [] : [["max-shrink", Math.round(maxShrink * 100)]]),
		["dns-method", dns.method],
		...dns.nameservers.map(({ text }) => ["nameserver", text]),
		...(dns.domain === undefined ? [] : [["domain", dns.domain]]),
		...dns.reverseZones.map((zone) => ["reverse-zone", zone]),
		...dns.searchDomains.map((domain) => ["search", domain]),
		["verify", verify.mode],
		...verify.names.map(({ name, within }) => ["verify-name", name, ...within.map(({ text }) => text)]),
		...verify.pods.map(({ name, within }) => ["verify-pods", name, ...within.map(({ text }) => text)]),
		...verify.outside.map((name) => ["verify-outside", name]),
		["rollback-after", rollbackAfter],
	];
	return lines.map((words) => `${words.map(oneWord).join(" ")}\n`).join("");
}

function oneWord(value: string | number): string {
	const text = String(value);
	if (!/^[!-~]+$/.test(text)) throw new RangeError(`not one word of the desired state: ${JSON.stringify(text)}`);
	return text;
}
