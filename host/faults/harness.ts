import { existsSync, readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { assembled } from "../assemble.ts";

/** What the script is doing when a fault happens. */
export const scenarios = [
	"first",
	"later",
	"restore",
	"reapply",
	"recovery",
	"first-dnsmasq",
	"later-dnsmasq",
	"restore-dnsmasq",
	"reapply-dnsmasq",
	"moved-dnsmasq",
] as const;
export type Scenario = (typeof scenarios)[number];

/**
 * What happens to one command, or to the disk (`runfull`: to /run) just before it. The disk's faults last until after a run of the
 * timer. `scarce` and `runscarce` do not belong to a command: from the start the disk, or /run, has room for only so many blocks. It
 * becomes full in the middle of a command, or of a redirection by the shell.
 */
export const kinds = [
	"exit",
	"kill",
	"hang",
	"powercut",
	"nospace",
	"readonly",
	"immutable",
	"runfull",
	"scarce",
	"runscarce",
] as const;
export type Kind = (typeof kinds)[number];

/** Commands that write to the disk. */
const WRITES = /^\d+ (awk|cat|chmod|cp|ln|mkdir|mv|rm|rmdir|sync|xargs) /;

/** The number of blocks that hold all that a run writes: 1 KiB each on the disk, 4 KiB in /run. */
const BLOCKS = { scarce: 160, runscarce: 100 } as const;

/** One run with one fault. */
export interface Case {
	readonly scenario: Scenario;
	readonly kind: Kind;
	/** Which command, counted from 1; for `scarce` and `runscarce`, the number of free blocks. */
	readonly number: number;
}

/** What was seen of a run. */
export interface Observed {
	readonly exitCode: number;
	/** The result in its last line of output; empty if there was none. */
	readonly result: string;
	/** Digests of the server's state by moment: `before`, `at-once`, `in-fault`, `settled`, `next`. */
	readonly states: Readonly<Record<string, string>>;
	/** The same, without those files of ours that nothing reads. */
	readonly live: Readonly<Record<string, string>>;
	/** Exit code of `status` right after the run. */
	readonly status: number;
	/** The command that the fault struck; undefined if the run did not reach it. */
	readonly struck?: string;
	readonly text: string;
}

/** A scenario's image of a server, and what a run without a fault makes of it. */
export interface Reference {
	readonly image: string;
	readonly observed: Observed;
	readonly commands: readonly string[];
}

/** Holds the images of all scenarios in a folder, and runs cases on them. */
export class Faults {
	readonly references = new Map<Scenario, Reference>();

	private constructor(private readonly folder: string) {}

	/** Makes the images: a pristine server, and one with a first deployment. */
	static async make(): Promise<Faults> {
		const folder = await mkdtemp(join(tmpdir(), "pod-gateway-faults-"));
		const faults = new Faults(folder);
		await makeCommands(folder);
		const pristine = join(folder, "pristine.img");
		await copyFile(assembled, join(folder, "script.sh"));
		await makeImage(join(folder, "tree"), pristine);
		for (const scenario of scenarios) {
			const owner = scenario.split("-")[1];
			const deployed = join(folder, owner ? `first-${owner}` : "first", "after.img");
			const image = scenario.startsWith("first") ? pristine : deployed;
			const own = join(folder, scenario);
			await mkdir(own);
			const observed = await sandbox(join(folder, "script.sh"), own, image, scenario, 0, "none");
			if (observed.exitCode !== 0) throw new Error(`${scenario} fails without a fault:\n${observed.text}`);
			const commands = readFileSync(join(own, "commands"), "utf8").trimEnd().split("\n");
			faults.references.set(scenario, { image, observed, commands });
		}
		return faults;
	}

	/** The cases: of each kind every `every`-th command, beginning at another one in each scenario. */
	cases(every: Readonly<Record<Kind, number>>): readonly Case[] {
		return scenarios.flatMap((scenario, offset) =>
			kinds.flatMap((kind) => {
				return places(this.reference(scenario).commands, kind)
					.filter((_, index) => (index + offset) % every[kind] === 0)
					.map((number) => ({ scenario, kind, number }));
			}),
		);
	}

	async run({ scenario, kind, number }: Case): Promise<Observed> {
		const own = await mkdtemp(join(this.folder, "case-"));
		try {
			return await sandbox(join(this.folder, "script.sh"), own, this.reference(scenario).image, scenario, number, kind);
		} finally {
			await rm(own, { recursive: true, force: true });
		}
	}

	/** How the run broke the script's promise; undefined if it kept it. */
	broken({ scenario, kind }: Case, { exitCode, result, states, live, status }: Observed): string | undefined {
		const { settled: desired = "" } = this.reference(scenario).observed.states;
		const { before = "" } = states;
		const repairs = /^(reapply|moved|recovery)/.test(scenario);
		const ends = repairs ? [desired] : [before, desired];
		const { settled = "", "at-once": atOnce = "" } = states;
		const claims: Readonly<Record<string, string>> = {
			applied: desired,
			restored: desired,
			"rolled-back": before,
			refused: before,
		};
		const claimed = claims[result];
		if (kind !== "powercut") {
			if (claimed !== undefined && atOnce !== claimed)
				return `it said "${result}", and the server is not in that state`;
			if (exitCode === 0 && atOnce !== desired) return "exit code 0, and the server is not as desired";
			// The process that waits for the run was killed, as when a session ends, and cannot say anything.
			const ended = exitCode === 137 && (kind === "kill" || kind === "hang");
			if (result === "" && !ended && !repairs) return `no result, exit code ${exitCode}`;
			if (result !== "" && !ended && (exitCode === 0) !== /^(applied|restored)$/.test(result)) {
				return `exit code ${exitCode} with the result "${result}"`;
			}
			if (/-incomplete$/.test(result) && status === 0) return `the result "${result}", and status does not report it`;
		}
		if (ends.includes(settled)) return undefined;
		// Before the units are on disk, and after they are gone, nothing runs here that could remove files. Files without an effect
		// may stay until the next run if the power was cut, or if the result says what is left.
		const gone = scenario.startsWith("first") ? before : scenario.startsWith("restore") ? desired : undefined;
		const said = kind === "powercut" || exitCode === 137 || /-incomplete$/.test(result);
		if (gone && said && live["settled"] === this.liveOf(scenario, gone === before)) {
			return states["next"] === gone ? undefined : "the next run does not remove the files that were left";
		}
		return "the server is neither as before nor as desired";
	}

	remove(): Promise<void> {
		return rm(this.folder, { recursive: true, force: true });
	}

	private liveOf(scenario: Scenario, before: boolean): string | undefined {
		return this.reference(scenario).observed.live[before ? "before" : "settled"];
	}

	private reference(scenario: Scenario): Reference {
		const reference = this.references.get(scenario);
		if (!reference) throw new Error(`there is no image for the scenario ${scenario}`);
		return reference;
	}
}

/**
 * The commands at which a kind of fault makes a difference. A fault of the disk: those that write, and those before them, because the
 * shell opens a redirection first. A full /run: all, because the shell writes there between any two commands.
 */
function places(commands: readonly string[], kind: Kind): readonly number[] {
	if (kind === "scarce" || kind === "runscarce") return Array.from({ length: BLOCKS[kind] }, (_, index) => index + 1);
	const all = commands.map((_, index) => index + 1);
	if (kind === "exit" || kind === "kill" || kind === "hang" || kind === "runfull") return all;
	const writes = (index: number) => WRITES.test(commands[index] ?? "");
	return all.filter((number) => writes(number - 1) || (kind !== "powercut" && writes(number)));
}

/** Wall and CPU time of a run without a fault. */
export interface Timing {
	readonly what: string;
	readonly wall: number;
	readonly cpu: number;
}

/** Times every verb on a server with `routes` routes. @returns seconds, in the order of the runs. */
export async function time(routes: number, rounds: number): Promise<readonly Timing[]> {
	const folder = await mkdtemp(join(tmpdir(), "pod-gateway-bench-"));
	try {
		const image = join(folder, "pristine.img");
		await makeImage(join(folder, "tree"), image);
		await makeCommands(folder);
		const text = await inNamespaces([folder, image, assembled, "bench", String(routes), String(rounds)]);
		const timings = [...text.matchAll(/^bench (\S+) ([\d.]+) ([\d.]+) ([\d.]+)$/gm)].map(
			([, what = "", wall, user, system]) => ({ what, wall: Number(wall), cpu: Number(user) + Number(system) }),
		);
		if (timings.length !== 5 * rounds) throw new Error(`a run failed:\n${text}`);
		return timings;
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/** What the script may run: the commands that can fail. `sh` is none of them: each shim would count it once more. */
const COMMANDS =
	"awk cat chmod cmp comm cp cut date find flock getent grep head id ip ln mkdir mktemp mv od paste ping printf readlink rm rmdir sed sha256sum sort ss sync systemctl systemd-run systemd-cat tail timeout touch tr wc xargs";

/** Two folders for a sandbox's /usr/sbin, which comes before /usr/bin: `plain`, where only systemd is a fake, and `shims`. */
async function makeCommands(folder: string): Promise<void> {
	const [plain, shims] = [join(folder, "plain"), join(folder, "shims")];
	await mkdir(plain);
	await mkdir(shims);
	for (const name of COMMANDS.split(" ")) {
		await symlink("/faults/shim.sh", join(shims, name));
		if (name.startsWith("system")) await symlink(`/faults/mock/${name}`, join(plain, name));
		else if (existsSync(`/usr/sbin/${name}`)) await symlink(`/real-sbin/${name}`, join(plain, name));
	}
}

async function sandbox(
	script: string,
	folder: string,
	image: string,
	scenario: Scenario,
	number: number,
	kind: string,
): Promise<Observed> {
	return observed(await inNamespaces([folder, image, script, scenario, String(number), kind]));
}

async function inNamespaces(args: readonly string[]): Promise<string> {
	const { all } = await execa(
		"unshare",
		["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", join(import.meta.dirname, "sandbox.sh"), ...args],
		{ all: true, reject: false, timeout: 900_000 },
	);
	return all;
}

function observed(text: string): Observed {
	const [, code = "-1", json = ""] = /^outcome (\d+) ?(.*)$/m.exec(text) ?? [];
	const [, struck] = /^struck (.*)$/m.exec(text) ?? [];
	const digests = (kind: string) =>
		Object.fromEntries(
			[...text.matchAll(new RegExp(`^${kind} (\\S+) (\\S+)$`, "gm"))].map(([, when, sum]) => [when, sum]),
		);
	return {
		exitCode: Number(code),
		result: resultOf(json),
		states: digests("state"),
		live: digests("live"),
		status: Number(/^status (\d+)/m.exec(text)?.[1] ?? -1),
		...(struck && { struck }),
		text,
	};
}

function resultOf(json: string): string {
	try {
		return JSON.parse(json).result;
	} catch {
		return "";
	}
}

/** A small ext4 file system with what a server has in /etc, /var and /usr/local. */
async function makeImage(tree: string, image: string): Promise<void> {
	const files: Readonly<Record<string, string>> = {
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
		"etc/group": "root:x:0:\n",
		"etc/nsswitch.conf": "passwd: files\nhosts: files dns\n",
		"etc/resolv.conf": "search site.example\nnameserver 10.200.0.3\n",
	};
	for (const folder of [
		"etc/iproute2",
		"etc/alternatives",
		"etc/systemd/system/multi-user.target.wants",
		"var/lib",
		"var/backups",
		"usr/local/sbin",
		"usr/local/lib",
	]) {
		await mkdir(join(tree, folder), { recursive: true });
	}
	for (const [name, text] of Object.entries(files)) await writeFile(join(tree, name), text);
	await copyFile("/etc/ld.so.cache", join(tree, "etc/ld.so.cache"));
	await execa("cp", ["-P", "/etc/alternatives/awk", join(tree, "etc/alternatives")]);
	await execa("mke2fs", [
		"-q",
		"-t",
		"ext4",
		"-O",
		"^resize_inode",
		"-J",
		"size=1",
		"-N",
		"512",
		"-d",
		tree,
		image,
		"6m",
	]);
}
