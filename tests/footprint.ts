import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { exec } from "../lab/host.ts";

/** What a physical server is, as far as this project could change it. */
export interface Footprint {
	/** A line per file, folder and link of the configuration: type, mode, owner, name, and the contents' hash. */
	files: string[];
	routes: string[];
	resolvConf: string;
	/** Names of our units that are loaded. Not what they are at: a DHCP renewal may start one at any moment. */
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
 * The server's footprint, once it is as expected, or after 20 s: a server's own services, such as a DHCP client at a renewal, may
 * be at work just then.
 */
export async function settledFootprint(server: string, expected: Footprint | undefined): Promise<Footprint> {
	for (let tries = 0; tries < 20; tries++) {
		const now = await footprint(server);
		if (isDeepStrictEqual(now, expected)) return now;
		await sleep(1000);
	}
	return footprint(server);
}

/** How many SSH logins the server has seen. */
export async function logins(server: string): Promise<number> {
	const { stdout } = await exec(server, [
		"sh",
		"-c",
		"journalctl -u ssh --no-pager | grep -c 'Accepted publickey'; true",
	]);
	return Number(stdout.trim());
}
