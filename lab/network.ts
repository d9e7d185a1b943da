import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { routerAddress } from "./namespaces.ts";
import { type Machine, site } from "./site.ts";

/** Fills a template of lab/hosts/network: every `{name}` becomes its value. A name without a value is an error. */
export async function fill(template: string, values: Readonly<Record<string, string | number>>): Promise<string> {
	const file = fileURLToPath(new URL(`hosts/network/${template}`, import.meta.url));
	return (await readFile(file, "utf8")).replaceAll(/\{(\w+)\}/g, (_, key: string) => {
		const value = values[key];
		if (value === undefined) throw new Error(`${template}: there is no value for {${key}}`);
		return `${value}`;
	});
}

/** The values of the network templates for one machine. */
export function networkValues({ address }: Machine): Record<string, string | number> {
	return { address, prefixLength: site.prefixLength, router: routerAddress, resolver: site.resolver.address };
}

/** systemd-networkd with a static address, and a plain resolv.conf without an owner. */
export async function useNetworkd(root: string, machine: Machine): Promise<void> {
	await put(root, "etc/systemd/network/10-eth0.network", await fill("eth0.network", networkValues(machine)));
	await enableUnit(root, "multi-user.target", "systemd-networkd.service");
	await usePlainResolvConf(root, machine);
}

/** An ordinary file /etc/resolv.conf that names the site's resolver. */
export async function usePlainResolvConf(root: string, machine: Machine): Promise<void> {
	await put(root, "etc/resolv.conf", await fill("resolv.conf", networkValues(machine)));
}

/** systemd-resolved, and resolv.conf as a link to the file that names its stub. */
export async function useResolved(root: string): Promise<void> {
	await enableUnit(root, "sysinit.target", "systemd-resolved.service");
	await rm(join(root, "etc/resolv.conf"), { force: true });
	await symlink("../run/systemd/resolve/stub-resolv.conf", join(root, "etc/resolv.conf"));
}

/** Writes a file below a root filesystem, and replaces what was there, also a symbolic link. */
export async function put(root: string, path: string, content: string, mode = 0o644): Promise<void> {
	const target = join(root, path);
	await mkdir(dirname(target), { recursive: true });
	await rm(target, { force: true });
	await writeFile(target, content);
	await chmod(target, mode);
}

/** Enables a unit of the system for one of its targets. */
export async function enableUnit(root: string, target: string, unit: string): Promise<void> {
	const wants = join(root, "etc/systemd/system", `${target}.wants`);
	await mkdir(wants, { recursive: true });
	await rm(join(wants, unit), { force: true });
	await symlink(`/lib/systemd/system/${unit}`, join(wants, unit));
}
