import { setTimeout as sleep } from "node:timers/promises";
import { words } from "../src/core/values/words.ts";
import type { DeploymentRecord } from "../src/core/wire/deploymentRecord.ts";
import { parseDryRun } from "../src/core/wire/dryRun.ts";
import { resultOf } from "../src/core/wire/outcome.ts";
import { INSTALLED } from "../src/remote/hostPaths.ts";
import { hostScript } from "../src/remote/hostScript.ts";
import { runScript } from "../src/remote/shell.ts";
import { HostKeyError } from "../src/remote/ssh.ts";
import type { DeployedServer } from "../src/stack/deployed.ts";

/** How many servers are read at once. */
const AT_ONCE = 16;
/** Seconds within which a server must answer. */
const TIME_LIMIT = 60;
/** Seconds after which a server that differs is compared again. */
const SETTLE = 3;

/** A server compared with its last deployment. The output of `npm run drift -- ENV --json` is a list of these. */
export interface Finding {
	readonly server: string;
	readonly state: "in sync" | "drift" | "unknown";
	/** The differences, or why the state is unknown, a line each. */
	readonly details: readonly string[];
	/** Its host key is not the pinned one, so the program does not log in, and an update cannot repair this. */
	readonly otherHostKey?: true;
	/** When a check last found it as deployed, in UTC. Only for a server that drifted, and if the server knows. */
	readonly inForceAt?: string;
	/** The record of its last deployment; undefined if it could not be read, or if that version did not write records. */
	readonly record?: DeploymentRecord;
}

/**
 * Compares every server with its last deployment, over one connection each. A server that differs is compared again: one of its
 * services, such as a DHCP client, may just have changed something, which pod-gateway's units then put back.
 *
 * @param look compares one server. Default: over SSH.
 * @param settle seconds until the second comparison. Default: 3.
 * @returns a finding for each server, in the given order.
 */
export async function compareServers(
	servers: readonly DeployedServer[],
	look: (server: DeployedServer) => Promise<Finding> = compareOne,
	settle = SETTLE,
): Promise<readonly Finding[]> {
	const first = await readAll(servers, look);
	const differing = servers.filter((_, index) => first[index]?.state === "drift");
	if (differing.length === 0) return first;
	await sleep(settle * 1000);
	const second = new Map((await readAll(differing, look)).map((finding) => [finding.server, finding]));
	return first.map((finding) => second.get(finding.server) ?? finding);
}

async function readAll(
	servers: readonly DeployedServer[],
	look: (server: DeployedServer) => Promise<Finding>,
): Promise<readonly Finding[]> {
	const findings = new Map<string, Finding>();
	const left = [...servers];
	const worker = async () => {
		for (let server = left.shift(); server; server = left.shift()) findings.set(server.name, await look(server));
	};
	await Promise.all(Array.from({ length: AT_ONCE }, worker));
	return servers.flatMap(({ name }) => findings.get(name) ?? []);
}

async function compareOne({ name: server, target, desired }: DeployedServer): Promise<Finding> {
	const unknown = (why: string): Finding => ({ server, state: "unknown", details: [why] });
	const drift = (...details: string[]): Finding => ({ server, state: "drift", details });
	try {
		const options = { input: desired, timeout: TIME_LIMIT };
		const { stdout, stderr } = await runScript(target, hostScript("look-at-server.sh"), options);
		if (resultOf(stdout) === "absent") return drift(`${INSTALLED} is missing`);
		const dryRun = parseDryRun(stdout);
		if (!dryRun.ok) return unknown([words(stderr), ...dryRun.problems].filter((text) => text !== "").join("; "));
		const { result, difference, inForceAt, record } = dryRun.value;
		const deployed = record ? { record } : {};
		if (result === "unchanged") return { server, state: "in sync", details: [], ...deployed };
		const said = words(stderr).split("\n");
		if (result === "busy") return unknown(said.join("; "));
		const found = { ...drift(...(result === "refused" ? said : difference)), ...deployed };
		return inForceAt ? { ...found, inForceAt: inForceAt.toISOString().replace(/\.\d+Z$/, "Z") } : found;
	} catch (error) {
		if (error instanceof HostKeyError) return { ...drift(error.message), otherHostKey: true };
		return unknown((error as Error).message);
	}
}
