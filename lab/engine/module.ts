import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cacheDir } from "../cache.ts";
import { isExecutable } from "./executables.ts";
import { writeLauncher } from "./launchers.ts";
import { commandVersion, type Engine, kubernetesVersion, type ReportLine, version } from "./tiers.ts";

/** The CLI's folder. It also has the language host, because the CLI looks beside itself. */
const folder = cacheDir("bin", `pulumi-${version}`);

/** A home for this CLI alone, so that the stand-ins do not become plugins of the person's other projects. */
const home = join(folder, "home");

/** The command that runs the CLI with that home. */
const command = join(folder, "command", "pulumi");

/**
 * The same engine built from its Go module, with the lab's own language host and stand-ins for the two plugins. It is for machines that
 * reach only package registries. The first build takes some minutes; the result stays in the cache.
 */
export async function moduleEngine(report: ReportLine): Promise<Engine> {
	const pulumi = join(folder, "pulumi");
	if (!(await isExecutable(pulumi))) await buildCli(pulumi, report);
	await Promise.all([writeStandIns(), writeCommand(pulumi)]);
	return {
		tier: "module",
		pulumi: command,
		path: [dirname(command), folder],
		version,
		describe: `Pulumi ${version} built from its Go module, with the lab's language host and stand-ins for its plugins`,
	};
}

async function buildCli(pulumi: string, report: ReportLine): Promise<void> {
	report(`building Pulumi ${version} from its Go module (some minutes, once)`);
	await mkdir(folder, { recursive: true });
	const fresh = `${pulumi}.${process.pid}`;
	const stamp = `github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v${version}`;
	const args = ["build", "-trimpath", "-ldflags", `-s -w -X ${stamp}`, "-o", fresh];
	await execa("go", [...args, "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"], {
		cwd: fileURLToPath(new URL(".", import.meta.url)),
		env: {
			GOMODCACHE: cacheDir("go", "mod"),
			GOCACHE: cacheDir("go", "build"),
			GOFLAGS: "-buildvcs=false -modcacherw",
		},
	});
	await chmod(fresh, 0o755);
	await rename(fresh, pulumi);
}

async function writeStandIns(): Promise<void> {
	const plugin = (name: string, of: string) => join(home, "plugins", `resource-${name}-v${of}`);
	const places = [
		["pulumi-language-nodejs", folder],
		["pulumi-resource-command", plugin("command", commandVersion)],
		["pulumi-resource-kubernetes", plugin("kubernetes", kubernetesVersion)],
	] as const;
	await Promise.all(
		places.map(async ([name, place]) => {
			await mkdir(place, { recursive: true });
			await writeLauncher(name, place);
			await chmod(join(place, name), 0o755);
		}),
	);
}

/**
 * Writes the command that sets the home. The plugins are in the home's plugin folder, as the official ones would be. From PATH they
 * would work, too, but with a warning in each preview.
 */
async function writeCommand(pulumi: string): Promise<void> {
	const fresh = `${command}.${process.pid}`;
	await mkdir(dirname(command), { recursive: true });
	await writeFile(fresh, `#!/bin/sh\nPULUMI_HOME=${quoted(home)} exec ${quoted(pulumi)} "$@"\n`, { mode: 0o755 });
	await rename(fresh, command);
}

function quoted(text: string): string {
	return `'${text.replaceAll("'", "'\\''")}'`;
}
