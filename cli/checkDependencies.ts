/**
 * `npm run check:dependencies`: hashes and licences of every package in package-lock.json, and known vulnerabilities as far as npm's
 * registry tells of them. Exit code 0: nothing is wrong; 1: something is.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { parseJson } from "../src/core/values/read.ts";
import { report } from "../src/messages/report.ts";
import { lockProblems, parseAudit } from "./dependencies.ts";

/** Seconds for the registry to answer. */
const AUDIT_LIMIT = 120;

const lock: unknown = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url), "utf8"));
const inLock = lockProblems(lock);
const { problems, notes, skipped } = parseAudit(await audit());
for (const text of notes) report(`npm audit: ${text}`);
if (skipped !== undefined) report(`npm audit was skipped: the registry here gives no audit (${skipped})`);
for (const problem of [...inLock, ...problems.map((text) => `npm audit: ${text}`)]) report(`error: ${problem}`);
if (inLock.length + problems.length > 0) process.exitCode = 1;
else
	report(
		`dependencies: hashes and licences are as they should be${skipped === undefined ? ", and no severe vulnerability is known" : ""}`,
	);

/** What npm printed; findings make it exit with 1, and so does a registry without audits. */
async function audit(): Promise<unknown> {
	const argv = ["audit", "--json", "--fetch-retries=1", "--fetch-timeout=30000"];
	return await new Promise((resolve) => {
		execFile("npm", argv, { timeout: AUDIT_LIMIT * 1000, maxBuffer: 2 ** 26 }, (error, stdout) => {
			resolve(parseJson(stdout) ?? { message: error?.message ?? "no answer" });
		});
	});
}
