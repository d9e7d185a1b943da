import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { labSiteOf, ON_LAB, runOnLab } from "./onLab.ts";

const folder = mkdtempSync(join(tmpdir(), "pod-gateway-stacks-"));
afterAll(() => rmSync(folder, { recursive: true }));

test.each<[string, string | undefined]>([
	['config:\n  lab:site: ""\n  pod-gateway:ssh: { agent: true }\n', ""],
	['config:\n  lab:site: "7"\n', "7"],
	["config:\n  pod-gateway:ssh: { agent: true }\n", undefined],
	["config: [\n", undefined],
	["", undefined],
])("a stack file %j belongs to the site %j", (text, site) => {
	writeFileSync(join(folder, "Pulumi.prod.yaml"), text);
	expect(labSiteOf("prod", folder)).toBe(site);
	expect(labSiteOf("acme/pod-gateway/prod", folder)).toBe(site);
});

test("a stack without settings does not belong to the lab, and a command of the lab is not run again", async () => {
	expect(labSiteOf("staging", folder)).toBeUndefined();
	vi.stubEnv(ON_LAB, "");
	expect(await runOnLab("lab")).toBeUndefined();
	vi.unstubAllEnvs();
});
