import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import type { Report } from "./progress.ts";

/** Debian packages the lab needs on the machine, and the program (or file) by which each is known to be there. */
const packages = {
	"systemd-container": "systemd-nspawn",
	mmdebstrap: "mmdebstrap",
	iproute2: "ip",
	"apt-utils": "apt-ftparchive",
	gpg: "gpg",
	"gpg-agent": "gpg-agent",
	"openssh-client": "ssh-keyscan",
	shellcheck: "shellcheck",
	// Older versions of it lack the newer release's keys.
	"debian-archive-keyring": "/etc/apt/trusted.gpg.d/debian-archive-trixie-stable.asc",
} as const;

/** Go builds Kubernetes and CoreDNS from their modules; older ones cannot. */
const oldestGo = { major: 1, minor: 25 };

/**
 * Makes sure that the lab can run here. Debian packages that are missing are installed when that can be done.
 * Throws one error that names all that is missing and what to do.
 */
export async function ensurePrerequisites(report: Report): Promise<void> {
	const complaints = [...(await lacks())];
	refuseFor([...complaints, ...(await lacksPackages(packages, report, complaints.length === 0))]);
}

/** Makes sure that there is a browser, for the tests that look at a page. Returns its path; throws as {@link ensurePrerequisites}. */
export async function ensureBrowser(report: Report): Promise<string> {
	refuseFor(await lacksPackages({ chromium: "chromium" }, report, true));
	return "/usr/bin/chromium";
}

/** Installs the packages that are missing, where that may be done. Returns what is to be complained of otherwise. */
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

/** Why the lab cannot run on this machine whatever is installed; undefined when it can. For tests that are to be skipped. */
export function whyNoLab(): string | undefined {
	if (process.platform !== "linux") return "the lab is made of Linux network namespaces; this is not Linux";
	if (process.getuid?.() !== 0) return "the lab makes network namespaces and mounts; run it as root";
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
	return recent ? undefined : `Go is too old («${stdout}»); install ${wanted}`;
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

/** apt-get, which may have to wait for another one: it waits by itself for dpkg's lock, but not for its lists'. */
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
