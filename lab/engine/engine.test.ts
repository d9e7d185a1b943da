import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { tiersToTry } from "./engine.ts";
import { missingPlugins } from "./plugins.ts";
import { version } from "./tiers.ts";

describe("the engine", () => {
	it("has the same version by npm and by Go", async () => {
		const goMod = await readFile(new URL("go.mod", import.meta.url), "utf8");
		expect(goMod).toContain(`github.com/pulumi/pulumi/pkg/v3 v${version}\n`);
	});

	it("is looked for in all tiers, or only in the wanted one", () => {
		expect(tiersToTry(undefined)).toEqual(["path", "npm", "module"]);
		expect(tiersToTry("module")).toEqual(["module"]);
		expect(() => tiersToTry("docker")).toThrow("POD_GATEWAY_ENGINE is docker; it can be path, npm, module or unset");
	});

	it("needs plugins with the API that the program is written for", () => {
		const plugin = (name: string, version: string) => ({ name, kind: "resource", version });
		const missing = (...installed: ReturnType<typeof plugin>[]) => missingPlugins(installed).map((one) => one.name);
		expect(missing()).toEqual(["command", "kubernetes"]);
		expect(missing(plugin("command", "1.2.1"), plugin("kubernetes", "4.30.0"))).toEqual([]);
		expect(missing(plugin("command", "4.5.0"), plugin("kubernetes", "3.30.2"))).toEqual(["command", "kubernetes"]);
	});
});
