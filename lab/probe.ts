import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cacheDir } from "./cache.ts";
import { goBuild } from "./cluster/goBuild.ts";
import { copyIn, exec } from "./exec.ts";
import { type ProbeResult, probeResult } from "./loss.ts";
import { progress, type Report } from "./progress.ts";

/** What each server asks for ten times a second. */
export interface ProbeTargets {
	/** Address of a pod that answers HTTP on port 80. */
	readonly pod: string;
	/** Address of a nameserver. */
	readonly nameserver: string;
	/** The name to ask it for. */
	readonly name: string;
}

/** Running probes. */
export interface Probes {
	/** Ends them all and returns what each server found. Throws an Error when a server's probe has ended before. */
	stop(): Promise<ReadonlyMap<string, ProbeResult>>;
}

const PROBE = "/run/probe";
const PID_FILE = "/run/probe.pid";

/** Seconds after which probes end by themselves. */
const LONGEST = 3600;

/**
 * Probes from these servers until the probes are stopped, for an hour at most. Returns when all of them run. A server can have only
 * one at a time.
 */
export async function startProbes(
	servers: readonly string[],
	targets: ProbeTargets,
	report: Report = progress(),
): Promise<Probes> {
	const command = await buildProbe(report);
	const started = await Promise.allSettled(servers.map((server) => start(server, command, targets)));
	const probes = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
	const failed = started.find((one) => one.status === "rejected");
	if (failed) {
		await Promise.allSettled(probes.map(({ stop }) => stop()));
		throw failed.reason;
	}
	return {
		stop: async () =>
			new Map(await Promise.all(probes.map(async ({ server, stop }) => [server, await stop()] as const))),
	};
}

async function start(server: string, command: string, { pod, nameserver, name }: ProbeTargets) {
	await copyIn(server, command, PROBE, "755");
	await exec(server, ["rm", "-f", PID_FILE]);
	const flags = ["-for", `${LONGEST}s`, "-dns", `${nameserver}:53`, "-name", name, "-http", `http://${pod}/`];
	const shell = ["sh", "-euc", `echo $$ >${PID_FILE}; exec "$@"`, "sh"];
	const running = exec(server, [...shell, PROBE, ...flags], { timeoutSeconds: LONGEST + 30 });
	let ended = false;
	// `stop` awaits this again.
	running
		.catch(() => {})
		.finally(() => {
			ended = true;
		});
	while (!ended && (await exec(server, ["test", "-s", PID_FILE], { check: false })).exitCode !== 0) await sleep(50);
	if (ended) await running;
	return {
		server,
		stop: async (): Promise<ProbeResult> => {
			if (!ended) await exec(server, ["sh", "-euc", `kill "$(cat ${PID_FILE})"`]);
			return probeResult.parse(JSON.parse((await running).stdout));
		},
	};
}

/** The probe's binary, in a folder of the cache whose name has a hash of the source. */
async function buildProbe(report: Report): Promise<string> {
	const module = new URL("probe/", import.meta.url);
	const source = await readFile(new URL("main.go", module));
	const hash = createHash("sha256").update(source).digest("hex").slice(0, 12);
	const output = cacheDir("bin", `probe-${hash}`);
	await goBuild(report, { name: "the probe command", module, packages: ["."], output });
	return join(output, "probe");
}
