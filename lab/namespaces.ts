import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { machines, macOf, namespaceOf } from "./machines.ts";
import { idsOf, type Scope, site } from "./site.ts";

const folder = "/run/netns";
const hub = namespaceOf(site.hub);
const operator = namespaceOf(site.operator.name);

/** The site's router: every machine's default gateway. It knows only the site's network and refuses everything else at once. */
export const routerAddress = "10.200.0.1";

/**
 * Makes the parts of the site's network that do not exist yet: the hub with its bridge, the operator's workstation, and an empty
 * namespace for every machine, which each boot makes again. None of them has an interface that leads out of the lab.
 */
export async function ensureNamespaces(): Promise<void> {
	const there = new Set(await namespaces("site"));
	if (!there.has(hub)) await makeHub();
	if (!there.has(operator)) {
		await makeNamespace(site.operator);
		await ip("-n", operator, "link", "set", "lo", "up");
		await ip("-n", operator, "address", "add", `${site.operator.address}/${site.prefixLength}`, "dev", "eth0");
		await ip("-n", operator, "link", "set", "eth0", "up");
	}
	for (const machine of machines) if (!there.has(namespaceOf(machine.name))) await makeNamespace(machine);
}

/** Plugs a machine's cable in or out, at the hub's end. The machine sees its carrier come or go. */
export async function setCable(name: string, plugged: boolean): Promise<void> {
	await ip("-n", hub, "link", "set", name, plugged ? "up" : "down");
}

/** Removes every network namespace of the sites, whatever run made it. */
export async function removeNamespaces(of: Scope): Promise<void> {
	for (const name of await namespaces(of)) await ip("netns", "delete", name);
	// iproute2 mounts this folder. Once it is empty, the mount is no longer needed.
	const left = await readdir(folder).catch(() => undefined);
	if (left?.length === 0) await execa("umount", [folder], { reject: false });
}

/** The names of the network namespaces that the sites have now. */
export async function namespaces(of: Scope): Promise<string[]> {
	const list: { name: string }[] = JSON.parse((await ip("-json", "netns", "list")) || "[]");
	const ours = new RegExp(`^pgw${idsOf(of)}-`);
	return list.map(({ name }) => name).filter((name) => ours.test(name));
}

async function makeHub(): Promise<void> {
	await ip("netns", "add", hub);
	await ip("-n", hub, "link", "set", "lo", "up");
	await ip("-n", hub, "link", "add", "site", "type", "bridge");
	await ip("-n", hub, "address", "add", `${routerAddress}/${site.prefixLength}`, "dev", "site");
	await ip("-n", hub, "link", "set", "site", "up");
	// A router without other networks: it answers "unreachable", where a host would not answer.
	await execa("ip", ["netns", "exec", hub, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"]);
}

async function makeNamespace(machine: { name: string; address: string }): Promise<void> {
	const script = fileURLToPath(new URL("hosts/namespace.sh", import.meta.url));
	await execa("sh", [script, namespaceOf(machine.name), hub, machine.name, macOf(machine)]);
}

async function ip(...argv: string[]): Promise<string> {
	return (await execa("ip", argv)).stdout;
}
