import { z } from "zod";

/** Licences that let this project use and ship a package, by their SPDX identifiers. */
const ALLOWED = new Set([
	...["MIT", "ISC", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Apache-2.0", "BlueOak-1.0.0"],
	...["CC0-1.0", "Python-2.0", "Unlicense", "Zlib"],
	// Of lists of names, which come with their source (spdx-exceptions).
	"CC-BY-3.0",
]);

/** Packages, with what package-lock.json says of their licence, that are under the MIT licence by the text that they ship. */
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
 * What is wrong with the packages of a package-lock.json: one without a hash, which npm would take from anybody; one that does not
 * come from a registry; one whose licence is none of those that are allowed.
 *
 * @throws Error when it is no such file.
 */
export function lockProblems(lock: unknown): readonly string[] {
	const parsed = lockFile.safeParse(lock);
	if (!parsed.success) throw new Error("package-lock.json is not as npm writes it (lockfileVersion 3)");
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
					: [`${which} comes from ${resolved}, which is no registry`]),
				...(isAllowed(license) || MIT_BY_THEIR_TEXT.has(`${name} ${license}`)
					? []
					: [`${which} has the licence ${license}, which is not among those allowed (cli/dependencies.ts)`]),
			];
		});
}

/** Whether an SPDX expression of names, AND, OR and brackets can be met by licences that are allowed. */
export function isAllowed(expression: string): boolean {
	const text = expression.replace(/[()]/g, " ").trim();
	// As AND binds closer than OR (SPDX 2.3, annex D.4); a bracket that says otherwise is read as not allowed.
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

/** What `npm audit --json` said. */
export interface Audit {
	/** Findings of severity high or critical. */
	readonly problems: readonly string[];
	/** Lesser ones. */
	readonly notes: readonly string[];
	/** Why there was no audit. */
	readonly skipped?: string;
}

/** Reads what `npm audit --json` printed. A registry without audits, or one that is not reached, is no finding. */
export function parseAudit(json: unknown): Audit {
	const parsed = report.safeParse(json);
	if (!parsed.success) {
		const failed = failure.safeParse(json);
		return { problems: [], notes: [], skipped: failed.success ? failed.data.message : "npm audit printed no report" };
	}
	const findings = Object.entries(parsed.data.vulnerabilities).map(([name, { severity, range, via }]) => {
		const known = via.flatMap((one) => {
			const read = advisory.safeParse(one);
			return read.success
				? [`${read.data.title} (${read.data.url})`]
				: typeof one === "string"
					? [`by way of ${one}`]
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
