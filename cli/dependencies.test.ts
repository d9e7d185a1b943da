import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isAllowed, lockProblems, parseAudit } from "./dependencies.ts";

const hash = "sha512-X4JKPLK85kfUTwuuaORFplnBfGjKkp62PsFhhcL7F/Tpltc7pyUofjlkkMnlZZLWsifFl7LNB8ngVrwJg1uo1Q==";
const lockOf = ({ name = "@x/b", ...entry }: { name?: string }) => ({
	packages: { "": { name: "pod-gateway" }, [`node_modules/a/node_modules/${name}`]: { version: "1.2.3", ...entry } },
});

test("every package in this project's lock file has a hash and an allowed licence", () => {
	expect(lockProblems(JSON.parse(readFileSync("package-lock.json", "utf8")))).toEqual([]);
});

test.each<[string, object, readonly string[]]>([
	["good", { integrity: hash, license: "MIT" }, []],
	["a link into the project", { link: true }, []],
	[
		"without a hash",
		{ license: "MIT" },
		["@x/b@1.2.3 has no hash in package-lock.json; add its integrity: npm view @x/b@1.2.3 dist.integrity"],
	],
	["with a weak hash", { integrity: "sha1-abc", license: "MIT" }, [expect.stringContaining("has no hash")]],
	[
		"from a git repository",
		{ integrity: hash, license: "MIT", resolved: "git+ssh://git@example.org/x.git#abc" },
		["@x/b@1.2.3 comes from git+ssh://git@example.org/x.git#abc, which is not a registry"],
	],
	[
		"with another licence",
		{ integrity: hash, license: "AGPL-3.0-only" },
		["@x/b@1.2.3 has the licence AGPL-3.0-only, which is not among those allowed (cli/dependencies.ts)"],
	],
	[
		"with an excepted name but another licence",
		{ integrity: hash, license: "GPL-3.0-only", name: "ssh2" },
		["ssh2@1.2.3 has the licence GPL-3.0-only, which is not among those allowed (cli/dependencies.ts)"],
	],
	["without a licence", { integrity: hash }, [expect.stringContaining("the licence (none)")]],
])("a package %s", (_, entry, problems) => {
	expect(lockProblems(lockOf(entry))).toEqual(problems);
});

test.each([
	["MIT", true],
	["MIT OR GPL-3.0-only", true],
	["(BSD-3-Clause AND Apache-2.0)", true],
	["MIT AND GPL-3.0-only", false],
	["GPL-2.0-only OR GPL-3.0-only", false],
	["(MIT OR GPL-3.0-only) AND GPL-2.0-only", false],
	["", false],
])("the licence «%s» is allowed: %s", (expression, allowed) => {
	expect(isAllowed(expression)).toBe(allowed);
});

describe("npm audit", () => {
	test("severe findings are problems, others are notes", () => {
		const via = [{ title: "Prototype pollution", url: "https://advisories.example.org/1" }];
		const vulnerabilities = {
			a: { severity: "high", range: "<1.2.3", via },
			b: { severity: "critical", range: "*", via: ["a"] },
			c: { severity: "moderate", range: "<2", via },
		};
		expect(parseAudit({ auditReportVersion: 2, vulnerabilities })).toEqual({
			problems: ["a <1.2.3: high: Prototype pollution (https://advisories.example.org/1)", "b *: critical: through a"],
			notes: ["c <2: moderate: Prototype pollution (https://advisories.example.org/1)"],
		});
	});

	test.each([
		[{ auditReportVersion: 2, vulnerabilities: {} }, undefined],
		[{ message: "405 Method Not Allowed", statusCode: 405 }, "405 Method Not Allowed"],
		[
			{ message: "request failed, reason: getaddrinfo ENOTFOUND", error: {} },
			"request failed, reason: getaddrinfo ENOTFOUND",
		],
		["<html>", "npm audit did not print a report"],
	])("a missing audit, or one without findings, is not a problem: %j", (json, skipped) => {
		expect(parseAudit(json)).toEqual({ problems: [], notes: [], ...(skipped === undefined ? {} : { skipped }) });
	});
});
