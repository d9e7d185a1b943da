import { expect, test } from "vitest";
import type { DeployedServer } from "../src/stack/deployed.ts";
import { compareServers, type Finding } from "./findings.ts";

const servers = ["db-1", "db-2", "db-3"].map((name) => ({ name }) as DeployedServer);

/** Each server's states, by comparison. */
async function seen(states: Record<string, readonly Finding["state"][]>) {
	const looks = new Map(servers.map(({ name }) => [name, 0]));
	const found = await compareServers(
		servers,
		async ({ name: server }) => {
			const look = looks.get(server) ?? 0;
			looks.set(server, look + 1);
			return { server, state: states[server]?.[look] ?? "in sync", details: [] };
		},
		0,
	);
	return { states: found.map(({ server, state }) => `${server}: ${state}`), looks: [...looks.values()] };
}

test("a server that is in sync or unknown is compared once", async () => {
	expect(await seen({ "db-2": ["unknown"] })).toEqual({
		states: ["db-1: in sync", "db-2: unknown", "db-3: in sync"],
		looks: [1, 1, 1],
	});
});

test("a server that differs is compared again, and the second result counts", async () => {
	expect(await seen({ "db-1": ["drift", "drift"], "db-3": ["drift", "in sync"] })).toEqual({
		states: ["db-1: drift", "db-2: in sync", "db-3: in sync"],
		looks: [2, 1, 2],
	});
});
