import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Report } from "./progress.ts";

/** Debian packages that the lab needs on the machine, each with a program or file that shows that it is installed. */
const packages = {
	"systemd-container": "systemd-nspawn",
	mmdebstrap: "mmdebstrap",
	iproute2: "ip",
	"apt-utils": "apt-ftparchive",
	gpg: "gpg",
	"gpg-agent": "gpg-agent",
	"openssh-client": "ssh-keyscan",
	shellcheck: "shellcheck",
	// Older versions lack the newer release's keys.
	"debian-archive-keyring": "/etc/apt/trusted.gpg.d/debian-archive-trixie-stable.asc",
} as const;

/** The oldest Go that can build Kubernetes and CoreDNS from their modules. */
const oldestGo = { major: 1, minor: 25 };

/**
 * Makes sure that the lab can run here. Installs missing Debian packages where that is possible.
 * Throws one error that names everything that is missing, and what to do.
 */
export async function ensurePrerequisites(report: Report): Promise<void> {
	const complaints = [...(await lacks())];
	refuseFor([...complaints, ...(await lacksPackages(packages, report, complaints.length === 0))]);
}

/** Makes sure that there is a browser, for tests of a page. Returns its path. Throws as {@link ensurePrerequisites} does. */
export async function ensureBrowser(report: Report): Promise<string> {
	refuseFor(await lacksPackages({ chromium: "chromium" }, report, true));
	return "/usr/bin/chromium";
}

/** Installs missing packages if `mayInstall`. Returns a complaint for what is still missing. */
async function lacksPackages(
	wanted: Readonly<Record<string, string>>,
	report: Report,
	mayInstall: boolean,
): Promise<readonly string[]> {
	const missing = Object.entries(wanted).flatMap(([name, program]) => (isThere(program) ? [] : [name]));
	if (missing.length === 0) return [];
	if (!mayInstall || !isDebian()) {
		return [`Debian packages are missing; as root: apt-get update && apt-get install ${missing.join(" ")}`];
	}
	await report.step(`Installing ${missing.join(", ")}`, async () => {
		await apt(["update"]);
		await apt(["install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", ...missing]);
	});
	return [];
}

function refuseFor(complaints: readonly string[]): void {
	if (complaints.length > 0)
		throw new Error(`the lab cannot run here:\n${complaints.map((c) => `  - ${c}`).join("\n")}`);
}

/** Why the lab cannot run on this machine whatever is installed; undefined when it can. Tests are skipped with this reason. */
export function whyNoLab(): string | undefined {
	if (process.platform !== "linux") return "the lab needs Linux network namespaces, and this is not Linux";
	if (process.getuid?.() !== 0) return "the lab makes network namespaces and mounts, which needs root; run it as root";
	return undefined;
}

async function lacks(): Promise<string[]> {
	const reasons = [whyNoLab(), await goComplaint()];
	return reasons.filter((reason) => reason !== undefined);
}

async function goComplaint(): Promise<string | undefined> {
	const wanted = `Go ${oldestGo.major}.${oldestGo.minor} or later on PATH (https://go.dev/dl)`;
	if (!isOnPath("go")) return `Go is missing; install ${wanted}`;
	const { stdout } = await execa("go", ["version"], { reject: false });
	const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout) ?? [];
	const recent =
		Number(major) > oldestGo.major || (Number(major) === oldestGo.major && Number(minor) >= oldestGo.minor);
	return recent ? undefined : `Go is too old (${stdout}); install ${wanted}`;
}

function isDebian(): boolean {
	if (!existsSync("/etc/os-release") || !isOnPath("apt-get")) return false;
	return /^ID(_LIKE)?=.*\bdebian\b/m.test(readFileSync("/etc/os-release", "utf8"));
}

function isThere(program: string): boolean {
	return program.startsWith("/") ? existsSync(program) : isOnPath(program);
}

function isOnPath(program: string): boolean {
	return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
		try {
			accessSync(join(folder, program), constants.X_OK);
			return true;
		} catch {
			return false;
		}
	});
}

/** Runs apt-get, and waits while another apt holds the lock of the package lists. apt-get itself only waits for dpkg's lock. */
async function apt(argv: string[]): Promise<void> {
	for (let attempt = 1; ; attempt++) {
		const { exitCode, stderr } = await execa("apt-get", ["--quiet", ...argv], {
			env: { DEBIAN_FRONTEND: "noninteractive" },
			reject: false,
			stdin: "ignore",
		});
		if (exitCode === 0) return;
		if (attempt === 12 || !/Could not get lock/.test(stderr)) {
			throw new Error(`apt-get ${argv.join(" ")} failed with exit code ${exitCode}:\n${stderr}`);
		}
		await sleep(5000);
	}
}
