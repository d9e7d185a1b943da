import { existsSync } from "node:fs";
import { writeFile as write } from "node:fs/promises";
import { execa } from "execa";
import { CGROUP } from "./cgroups.ts";
import { exec, writeFile } from "./host.ts";
import { namespaceOf } from "./machines.ts";
import { site } from "./site.ts";

/** Undoes what was done to a machine. */
export type Mend = () => Promise<void>;

/** Drops one packet of twenty at random: classic BPF that returns TC_ACT_SHOT (2) or TC_ACT_OK (0). */
const LOSS = "4,32 0 0 4294963256,53 1 0 214748365,6 0 0 2,6 0 0 0";

/**
 * Makes the line to a machine bad, in both directions: 256 kbit/s, up to 300 ms in a queue, 5 % loss. An idle line does not delay
 * packets: that would need netem, which many kernels lack.
 */
export async function badLine(name: string): Promise<Mend> {
	const ends = [
		[namespaceOf(site.hub), name],
		[namespaceOf(name), "eth0"],
	] as const;
	for (const [namespace, device] of ends) {
		const tc = (...argv: string[]) => execa("tc", ["-n", namespace, ...argv]);
		await tc("qdisc", "add", "dev", device, "root", ..."tbf rate 256kbit burst 3kb latency 300ms".split(" "));
		await tc("qdisc", "add", "dev", device, "clsact");
		await tc("filter", "add", "dev", device, "egress", "bpf", "bytecode", LOSS, "da");
	}
	return async () => {
		for (const [namespace, device] of ends) {
			for (const which of ["root", "clsact"])
				await execa("tc", ["-n", namespace, "qdisc", "del", "dev", device, which]);
		}
	};
}

/** Fills the folders where the script for servers keeps its state, and to which it is uploaded. */
export async function fullDisk(name: string): Promise<Mend> {
	await shell(
		name,
		`mkdir -p /run/disk /var/lib/pod-gateway
		mount -t tmpfs -o size=1m disk /run/disk
		mkdir /run/disk/state /run/disk/lib
		cp -a /var/lib/pod-gateway/. /run/disk/state
		mount --bind /run/disk/state /var/lib/pod-gateway
		mount --bind /run/disk/lib /usr/local/lib
		cat /dev/zero >/run/disk/all-of-it 2>/dev/null || true`,
	);
	return () => shell(name, "umount /usr/local/lib /var/lib/pod-gateway /run/disk; rmdir /run/disk");
}

/** Lets no process start on the machine, not even by its systemd. */
export async function fullProcessTable(name: string): Promise<Mend> {
	const limits = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].map((top) => `${top}/${CGROUP}/${name}/pids.max`);
	const limit = limits.find((file) => existsSync(file));
	if (limit === undefined)
		throw new Error(`${name} does not have a pids controller: none of ${limits.join(", ")} exists`);
	await write(limit, "1");
	return () => write(limit, "max");
}

/**
 * Makes date(1) say 1970, which is how the script for servers reads the clock. The clock itself cannot be changed for one machine:
 * Linux does not have a namespace for the time of day.
 */
export async function wrongClock(name: string): Promise<Mend> {
	const date = `#!/bin/sh
for argument; do [ "$argument" != -r ] || exec /run/right-date "$@"; done
exec /run/right-date -d '1970-01-01 00:07 UTC' "$@"
`;
	await shell(name, "cp /usr/bin/date /run/right-date");
	await writeFile(name, "/run/wrong-date", date, "755");
	await shell(name, "mount --bind /run/wrong-date /usr/bin/date");
	return () => shell(name, "umount /usr/bin/date; rm /run/wrong-date /run/right-date");
}

async function shell(name: string, script: string): Promise<void> {
	await exec(name, ["sh", "-euc", script]);
}
