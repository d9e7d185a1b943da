import { expect, test } from "vitest";
import { parseRequires, requiredVersion } from "./goModule.ts";

test("reads single requires and blocks, also with comments", () => {
	const versions = parseRequires(
		[
			"module example",
			"",
			"go 1.24.0",
			"",
			"require k8s.io/kubernetes v1.34.4",
			"",
			"require (",
			"\tgithub.com/a/b/v2 v2.0.1+incompatible // indirect",
			"\tgithub.com/c/d v0.0.0-20230315185526-52ccab3ef572",
			")",
		].join("\n"),
	);
	expect([...versions]).toEqual([
		["k8s.io/kubernetes", "v1.34.4"],
		["github.com/a/b/v2", "v2.0.1+incompatible"],
		["github.com/c/d", "v0.0.0-20230315185526-52ccab3ef572"],
	]);
});

test("a replace does not count as a require", () => {
	expect(parseRequires("replace (\n\tk8s.io/api => k8s.io/api v0.34.4\n)\n").size).toBe(0);
});

test("names the module and the file if the file does not require it", async () => {
	const goMod = new URL("../kubernetes/go.mod", import.meta.url);
	await expect(requiredVersion(goMod, "example.org/none")).rejects.toThrow(
		/kubernetes\/go\.mod does not require example\.org\/none/,
	);
});
