import { execa } from "execa";
import { findExecutable } from "./executables.ts";
import { withProgress } from "./progress.ts";
import { commandVersion, kubernetesVersion, type ReportLine } from "./tiers.ts";

/** A provider plugin that the program needs: which installed versions are good, and which one to install. */
interface Needed {
	readonly name: string;
	readonly serves: RegExp;
	readonly version: string;
}

const needed: readonly Needed[] = [
	{ name: "command", serves: /^v?1\.2\./, version: commandVersion },
	{ name: "kubernetes", serves: /^v?4\./, version: kubernetesVersion },
];

/** Milliseconds for the download of one plugin; the larger one has about 40 MB. */
const patience = 180_000;

/** What `pulumi plugin ls --json` says about one plugin. */
interface Installed {
	readonly name: string;
	readonly kind: string;
	readonly version?: string;
}

/**
 * Makes sure that an official CLI has the plugins that the program needs, on PATH or in its plugin folder. Installs missing ones.
 * @throws Error that names the plugin that cannot be installed.
 */
export async function ensurePlugins(pulumi: string, report: ReportLine): Promise<void> {
	const { stdout } = await execa(pulumi, ["plugin", "ls", "--json"], { timeout: 30_000 });
	for (const plugin of missingPlugins(JSON.parse(stdout))) {
		if ((await findExecutable(`pulumi-resource-${plugin.name}`)) !== undefined) continue;
		const what = `installing the Pulumi plugin ${plugin.name} ${plugin.version}`;
		const install = ["plugin", "install", "resource", plugin.name, plugin.version];
		await withProgress(what, report, () => execa(pulumi, install, { timeout: patience }));
	}
}

/** The needed plugins without a good installed version. */
export function missingPlugins(installed: readonly Installed[]): readonly Needed[] {
	const fits = (plugin: Needed) => (one: Installed) =>
		one.kind === "resource" && one.name === plugin.name && plugin.serves.test(one.version ?? "");
	return needed.filter((plugin) => !installed.some(fits(plugin)));
}
