/**
 * `npm run check:dependencies`: checks the hash and licence of every package in package-lock.json, and vulnerabilities if npm's
 * registry knows of them. Exit code 0: there are no problems; 1: there are.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { parseJson } from "../src/core/values/read.ts";
import { report } from "../src/messages/report.ts";
import { lockProblems, parseAudit } from "./dependencies.ts";

/** Seconds within which the registry must answer. */
const AUDIT_LIMIT = 120;

const lock: unknown = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url), "utf8"));
const inLock = lockProblems(lock);
const { problems, notes, skipped } = parseAudit(await audit());
for (const text of notes) report(`npm audit: ${text}`);
if (skipped !== undefined) report(`npm audit was skipped: the registry does not give an audit (${skipped})`);
for (const problem of [...inLock, ...problems.map((text) => `npm audit: ${text}`)]) report(`error: ${problem}`);
if (inLock.length + problems.length > 0) process.exitCode = 1;
else
	report(
		`dependencies: all hashes and licences are valid${skipped === undefined ? ", and no severe vulnerability is known" : ""}`,
	);

/** Runs `npm audit`, and parses its output. npm exits with 1 for findings, but also for a registry without audits. */
async function audit(): Promise<unknown> {
	const argv = ["audit", "--json", "--fetch-retries=1", "--fetch-timeout=30000"];
	return await new Promise((resolve) => {
		execFile("npm", argv, { timeout: AUDIT_LIMIT * 1000, maxBuffer: 2 ** 26 }, (error, stdout) => {
			resolve(parseJson(stdout) ?? { message: error?.message ?? "no answer" });
		});
	});
}
