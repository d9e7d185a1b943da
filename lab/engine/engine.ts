import { messageOf } from "../../src/core/values/messageOf.ts";
import { moduleEngine } from "./module.ts";
import { npmEngine, pathEngine } from "./official.ts";
import { withProgress } from "./progress.ts";
import { type Engine, type ReportLine, type Tier, tiers } from "./tiers.ts";

export type { Engine, ReportLine, Tier } from "./tiers.ts";

const find: Readonly<Record<Tier, (report: ReportLine) => Promise<Engine>>> = {
	path: pathEngine,
	npm: npmEngine,
	module: moduleEngine,
};

let resolved: Promise<Engine> | undefined;

/**
 * Finds the Pulumi that runs this project: the one installed, else the official one by npm, else the same built from its Go
 * module. `POD_GATEWAY_ENGINE=path|npm|module` asks for one of them and no other. Asked again, a process gets the same
 * answer; each new one tries from the first tier on.
 * @throws Error when none is to be had, or the one asked for is not, naming why.
 */
export function resolveEngine(report: ReportLine): Promise<Engine> {
	resolved ??= resolve(process.env["POD_GATEWAY_ENGINE"], report);
	return resolved;
}

async function resolve(wanted: string | undefined, report: ReportLine): Promise<Engine> {
	const reasons: string[] = [];
	for (const tier of tiersToTry(wanted)) {
		try {
			return await withProgress(looking[tier], report, () => find[tier](report));
		} catch (error) {
			const reason = messageOf(error);
			reasons.push(`${tier}: ${reason}`);
			report(`${looking[tier]}: no, ${reason.split("\n")[0]}`);
		}
	}
	throw new Error(`no Pulumi engine is to be had:\n${reasons.map((reason) => `  ${reason}`).join("\n")}`);
}

const looking: Readonly<Record<Tier, string>> = {
	path: "Pulumi on PATH",
	npm: "Pulumi by its npm package",
	module: "Pulumi from its Go module",
};

/** The tiers to try, in order. */
export function tiersToTry(wanted: string | undefined): readonly Tier[] {
	if (wanted === undefined || wanted === "") return tiers;
	const one = tiers.find((tier) => tier === wanted);
	if (one === undefined) throw new Error(`POD_GATEWAY_ENGINE is ${wanted}; it can be ${tiers.join(", ")} or unset`);
	return [one];
}
