import { execa } from "execa";

/** Settings of the machine's apt that say how to reach its mirror; without them a layer's apt may not get there. */
const reachSettings = /^Acquire::(?:https?::|Check-Valid-Until |Check-Date |Retries )/;

/** The machine's apt settings on how to reach a mirror (proxy, certificates, clock checks) as `Name=value`. */
export async function aptOptions(): Promise<string[]> {
	const { stdout } = await execa("apt-config", ["dump", "--format", "%F %v%n"]);
	return stdout
		.split("\n")
		.filter((line) => reachSettings.test(line))
		.map((line) => line.replace(" ", "="));
}

/** Lines for sources.list: a suite and its security updates from the mirrors the machine itself uses, else from Debian's own. */
export async function debianSources(suite: string): Promise<string> {
	const { stdout } = await execa("apt-get", [
		"indextargets",
		"--format",
		"$(LABEL) $(REPO_URI)",
		"Created-By: Packages",
	]);
	const mirror = (label: string, fallback: string) =>
		stdout
			.split("\n")
			.find((line) => line.startsWith(`${label} `))
			?.slice(label.length + 1) ?? fallback;
	return [
		`deb ${mirror("Debian", "http://deb.debian.org/debian")} ${suite} main`,
		`deb ${mirror("Debian-Security", "http://deb.debian.org/debian-security")} ${suite}-security main`,
	].join("\n");
}
