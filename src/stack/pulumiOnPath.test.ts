import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { pulumiOnPath } from "./pulumiOnPath.ts";

let root: string;
beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "pod-gateway-path-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function file(path: string, mode = 0o755): string {
	const whole = join(root, path);
	mkdirSync(dirname(whole), { recursive: true });
	writeFileSync(whole, "#!/bin/sh\n");
	chmodSync(whole, mode);
	return whole;
}

test("the installed command is found behind npm's, which npm run puts first", () => {
	// npm makes a link into the package.
	const npm = join(root, "node_modules/.bin");
	mkdirSync(npm, { recursive: true });
	symlinkSync(file("node_modules/pulumi/run.js"), join(npm, "pulumi"));
	const locked = dirname(file("locked/pulumi", 0o644));
	mkdirSync(join(root, "folder/pulumi"), { recursive: true });
	const before = ["", "/nowhere", npm, locked, join(root, "folder")];
	expect(pulumiOnPath(before.join(delimiter))).toBeUndefined();
	const installed = file("bin/pulumi");
	expect(pulumiOnPath([...before, dirname(installed)].join(delimiter))).toBe(installed);
});
