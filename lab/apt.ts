import { readFileSync } from "node:fs";
import { execa } from "execa";

/** Settings of the machine's apt that say how to reach its mirror. A layer's apt may not reach it without them. */
const reachSettings = /^Acquire::(?:https?::|Check-Valid-Until |Check-Date |Retries )/;

/** The machine's apt settings on how to reach a mirror (proxy, certificates, clock checks) as `Name=value`. */
export async function aptOptions(): Promise<string[]> {
	const { stdout } = await execa("apt-config", ["dump", "--format", "%F %v%n"]);
	return stdout
		.split("\n")
		.filter((line) => reachSettings.test(line))
		.map((line) => line.replace(" ", "="));
}

/**
 * Lines for sources.list: a suite and its security updates, from the mirrors that this machine uses.
 * @throws Error when the machine's apt does not have such a source.
 */
export async function debianSources(suite: string): Promise<string> {
	let listed = await indexTargets();
	if (listed === "") {
		// apt does not list a source before it has that source's package lists.
		await execa("apt-get", ["update"]);
		listed = await indexTargets();
	}
	const mirrors = new Map(
		listed
			.split("\n")
			.reverse()
			.map((line) => line.split(" ", 2) as [string, string]),
	);
	const own = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
	return ["", "-security"]
		.map((part) => {
			const mirror = mirrors.get(suite + part) ?? mirrors.get(own + part);
			if (!mirror) throw new Error(`apt has no source for ${suite}${part}; add one to /etc/apt/sources.list.d`);
			return `deb ${mirror} ${suite}${part} main`;
		})
		.join("\n");
}

/** A line `SUITE MIRROR` for each package list that apt has. */
async function indexTargets(): Promise<string> {
	const format = ["--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"];
	return (await execa("apt-get", ["indextargets", ...format])).stdout;
}
