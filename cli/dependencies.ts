import { z } from "zod";

/** The SPDX identifiers of licences under which this project may use and ship a package. */
const ALLOWED = new Set([
	"MIT",
	"ISC",
	"BSD-2-Clause",
	"BSD-3-Clause",
	"0BSD",
	"Apache-2.0",
	"BlueOak-1.0.0",
	"CC0-1.0",
	"Python-2.0",
	"Unlicense",
	"Zlib",
	// For lists of names that ship with their source (spdx-exceptions).
	"CC-BY-3.0",
]);

/** Packages whose own licence text is MIT, with the different entry of each in package-lock.json. */
const MIT_BY_THEIR_TEXT = new Set([
	"@logdna/tail-file SEE LICENSE IN LICENSE",
	"buildcheck (none)",
	"cpu-features (none)",
	"optimist MIT/X11",
	"ssh2 (none)",
]);

const lockFile = z.object({
	packages: z.record(
		z.string(),
		z.object({
			version: z.string().optional(),
			resolved: z.string().optional(),
			integrity: z.string().optional(),
			license: z.string().optional(),
			link: z.boolean().optional(),
		}),
	),
});

/**
 * The problems of the packages in a package-lock.json: a missing hash, without which npm would accept any contents; a source
 * other than a registry; a licence that is not allowed.
 *
 * @throws Error if it is not such a file.
 */
export function lockProblems(lock: unknown): readonly string[] {
	const parsed = lockFile.safeParse(lock);
	if (!parsed.success) throw new Error("package-lock.json does not have npm's form (lockfileVersion 3)");
	return Object.entries(parsed.data.packages)
		.filter(([path, { link }]) => path !== "" && !link)
		.flatMap(([path, { version, resolved, integrity, license = "(none)" }]) => {
			const name = path.replace(/^.*node_modules\//, "");
			const which = `${name}@${version}`;
			return [
				...(/^sha(256|384|512)-[A-Za-z0-9+/]+={0,2}$/.test(integrity ?? "")
					? []
					: [`${which} has no hash in package-lock.json; add its integrity: npm view ${which} dist.integrity`]),
				...(resolved === undefined || resolved.startsWith("https://")
					? []
					: [`${which} comes from ${resolved}, which is not a registry`]),
				...(isAllowed(license) || MIT_BY_THEIR_TEXT.has(`${name} ${license}`)
					? []
					: [`${which} has the licence ${license}, which is not among those allowed (cli/dependencies.ts)`]),
			];
		});
}

/** Whether allowed licences satisfy an SPDX expression of names, AND, OR and brackets. */
export function isAllowed(expression: string): boolean {
	const text = expression.replace(/[()]/g, " ").trim();
	// AND binds closer than OR (SPDX 2.3, annex D.4). Brackets that change this count as not allowed.
	if (/\(.*\bOR\b.*\)\s+AND|AND\s+\(.*\bOR\b/.test(expression)) return false;
	return text.split(/\s+OR\s+/).some((part) => part.split(/\s+AND\s+/).every((name) => ALLOWED.has(name.trim())));
}

const report = z.object({
	auditReportVersion: z.number(),
	vulnerabilities: z.record(
		z.string(),
		z.object({ severity: z.string(), range: z.string().default(""), via: z.array(z.unknown()).default([]) }),
	),
});
const failure = z.object({ message: z.string() });
const advisory = z.object({ title: z.string(), url: z.string() });

/** The findings of `npm audit --json`. */
export interface Audit {
	/** Findings of severity high or critical. */
	readonly problems: readonly string[];
	/** Other findings. */
	readonly notes: readonly string[];
	/** Why there was no audit; undefined if there was one. */
	readonly skipped?: string;
}

/** Reads the output of `npm audit --json`. A registry that does not answer or does not audit does not count as a finding. */
export function parseAudit(json: unknown): Audit {
	const parsed = report.safeParse(json);
	if (!parsed.success) {
		const failed = failure.safeParse(json);
		return {
			problems: [],
			notes: [],
			skipped: failed.success ? failed.data.message : "npm audit did not print a report",
		};
	}
	const findings = Object.entries(parsed.data.vulnerabilities).map(([name, { severity, range, via }]) => {
		const known = via.flatMap((one) => {
			const read = advisory.safeParse(one);
			return read.success
				? [`${read.data.title} (${read.data.url})`]
				: typeof one === "string"
					? [`through ${one}`]
					: [];
		});
		return {
			severe: severity === "high" || severity === "critical",
			text: `${name} ${range}: ${severity}: ${known.join("; ")}`,
		};
	});
	return {
		problems: findings.filter(({ severe }) => severe).map(({ text }) => text),
		notes: findings.filter(({ severe }) => !severe).map(({ text }) => text),
	};
}
