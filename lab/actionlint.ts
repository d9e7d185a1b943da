import { join } from "node:path";
import { cacheDir } from "./cache.ts";
import { goBuild } from "./cluster/goBuild.ts";
import { requiredVersion } from "./cluster/goModule.ts";
import type { Report } from "./progress.ts";

const module = new URL("actionlint/", import.meta.url);

/** The path of actionlint, the linter of GitHub's workflows: built from its pinned Go module, or found in the cache. */
export async function ensureActionlint(report: Report): Promise<string> {
	const version = await requiredVersion(new URL("go.mod", module), "github.com/rhysd/actionlint");
	const output = cacheDir("bin", `actionlint-${version.replace(/^v/, "")}`);
	const packages = ["github.com/rhysd/actionlint/cmd/actionlint"];
	await goBuild(report, { name: `actionlint ${version}`, module, packages, output });
	return join(output, "actionlint");
}
