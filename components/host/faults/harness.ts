import { readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
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
] as const;
export type Scenario = (typeof scenarios)[number];

/** What happens to one command, or to the disk just before it. The disk's faults last until after a run of the timer. */
export const kinds = ["exit", "kill", "hang", "powercut", "nospace", "readonly", "immutable", "runfull"] as const;
export type Kind = (typeof kinds)[number];

/** Commands that write: before any other one, the disk is as before the last of these. */
const WRITES = /^\d+ (awk|cat|chmod|cp|ln|mkdir|mv|rm|sync|xargs) /;

/** One run with one fault. */
export interface Case {
	readonly scenario: Scenario;
	readonly kind: Kind;
	/** Which command, from 1. */
	readonly number: number;
}

/** What came of a run. */
export interface Observed {
	readonly exitCode: number;
	/** The result of its last line of output; empty where there was none. */
	readonly result: string;
	/** Digests of the server's state by moment: `before`, `at-once`, `in-fault`, `settled`. */
	readonly states: Readonly<Record<string, string>>;
	/** The same of what does anything: without files of ours that nothing reads. */
	readonly live: Readonly<Record<string, string>>;
	/** The command that the fault struck; undefined where the run never came to it. */
	readonly struck?: string;
	readonly text: string;
}

/** A server's image per scenario, and what a run without a fault makes of it. */
export interface Reference {
	readonly image: string;
	readonly observed: Observed;
	readonly commands: readonly string[];
}

/** A folder with the images of all scenarios; and a way to run a case from them. */
export class Faults {
	readonly references = new Map<Scenario, Reference>();

	private constructor(private readonly folder: string) {}

	/** Makes the images: a pristine server, and one with a first deployment. */
	static async make(): Promise<Faults> {
		const folder = await mkdtemp(join(tmpdir(), "pod-gateway-faults-"));
		const faults = new Faults(folder);
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

	/** Every case, or each `every`-th of a kind, at another place in each scenario. */
	cases(every: Readonly<Record<Kind, number>>): readonly Case[] {
		return scenarios.flatMap((scenario, offset) =>
			kinds.flatMap((kind) => {
				const commands = this.reference(scenario).commands.map((text, index) => ({ text, number: index + 1 }));
				const places =
					kind === "exit" || kind === "kill" || kind === "hang"
						? commands
						: commands.filter(({ text }) => WRITES.test(text));
				return places
					.filter((_, index) => (index + offset) % every[kind] === 0)
					.map(({ number }) => ({ scenario, kind, number }));
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

	/** What breaks the promise in what was seen; undefined where it was kept. */
	broken({ scenario, kind }: Case, { exitCode, result, states, live }: Observed): string | undefined {
		const { before = "", settled: desired = "" } = this.reference(scenario).observed.states;
		const ends = scenario === "recovery" ? [desired] : [before, desired];
		const { settled = "" } = states;
		const atOnce = states["at-once"];
		const claims: Readonly<Record<string, string>> = {
			applied: desired,
			restored: desired,
			"rolled-back": before,
			refused: before,
		};
		const claimed = claims[result];
		// Where the units that undo are not on disk yet, or not any more, files can be left that do nothing. The next run removes them.
		const honest = kind === "powercut" || result === "rollback-incomplete" || result === "unknown";
		const gone = scenario.startsWith("first") ? before : scenario.startsWith("restore") ? desired : undefined;
		if (gone && honest && states["next"] && live["settled"] === this.liveOf(scenario, gone === before)) {
			return states["next"] === gone ? undefined : "the next run does not remove what a power cut left";
		}
		if (!ends.includes(settled) && scenario !== "reapply") return "the server is neither as before nor as desired";
		if (scenario === "reapply" && settled !== desired) return "the server is not as desired";
		if (kind !== "powercut" && claimed !== undefined && atOnce !== claimed) return `it said "${result}", and was not`;
		// 137: the process that waits for the run was killed, as a session is.
		if (result !== "" && exitCode !== 137 && (exitCode === 0) !== /^(applied|restored)$/.test(result)) {
			return `exit code ${exitCode} with the result "${result}"`;
		}
		return undefined;
	}

	remove(): Promise<void> {
		return rm(this.folder, { recursive: true, force: true });
	}

	private liveOf(scenario: Scenario, before: boolean): string | undefined {
		return this.reference(scenario).observed.live[before ? "before" : "settled"];
	}

	private reference(scenario: Scenario): Reference {
		const reference = this.references.get(scenario);
		if (!reference) throw new Error(`no images of ${scenario}`);
		return reference;
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
	const args = [join(import.meta.dirname, "sandbox.sh"), folder, image, script, scenario, String(number), kind];
	const { all } = await execa("unshare", ["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", ...args], {
		all: true,
		reject: false,
		timeout: 900_000,
	});
	return observed(all);
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
