import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { exec } from "../lab/host.ts";

/** Everything of a physical server that this project could change. */
export interface Footprint {
	/** A line for each file, folder and link of the configuration: type, mode, owner and name; then the hash of each file. */
	files: string[];
	routes: string[];
	resolvConf: string;
	/** Our units, and whether each is loaded; not whether it runs, because a DHCP renewal may start one at any moment. */
	units: string[];
}

/** Takes the server's footprint, to compare byte for byte. */
export async function footprint(server: string): Promise<Footprint> {
	const places = "/etc /usr/local /var/lib/pod-gateway";
	const lines = async (script: string) =>
		(await exec(server, ["sh", "-c", script])).stdout.split("\n").filter((line) => line !== "");
	const entries = await lines(`find ${places} -printf '%y %m %u:%g %p %l\\n' 2>/dev/null | sort; true`);
	const sums = await lines(`find ${places} -type f -exec sha256sum {} + 2>/dev/null | sort -k 2; true`);
	return {
		files: [...entries, ...sums],
		routes: await lines("ip route show table all | sort; ip -6 route show | grep -v expires | sort"),
		resolvConf: (await exec(server, ["cat", "/etc/resolv.conf"])).stdout,
		units: await lines("systemctl list-units --all --plain --no-legend 'pod-gateway*' | awk '{ print $1, $2 }'"),
	};
}

/**
 * The server's footprint once it is as expected, or after 20 s: the server's own services may be at work at that moment, such as a
 * DHCP client at a renewal.
 */
export async function settledFootprint(server: string, expected: Footprint | undefined): Promise<Footprint> {
	for (let tries = 0; tries < 20; tries++) {
		const now = await footprint(server);
		if (isDeepStrictEqual(now, expected)) return now;
		await sleep(1000);
	}
	return footprint(server);
}

/** The number of SSH logins that the server has seen. */
export async function logins(server: string): Promise<number> {
	const { stdout } = await exec(server, [
		"sh",
		"-c",
		"journalctl -u ssh --no-pager | grep -c 'Accepted publickey'; true",
	]);
	return Number(stdout.trim());
}
