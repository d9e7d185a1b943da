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
 * Finds a Pulumi that runs this project: an installed one, otherwise the official one from npm, otherwise the same built from its Go
 * module. `POD_GATEWAY_ENGINE=path|npm|module` chooses one of them. Within a process, every call returns the same engine; each new
 * process begins with the first tier.
 * @throws Error with the reasons, when none of them can be used.
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
	throw new Error(`there is no Pulumi engine to use:\n${reasons.map((reason) => `  ${reason}`).join("\n")}`);
}

const looking: Readonly<Record<Tier, string>> = {
	path: "Pulumi on PATH",
	npm: "Pulumi from its npm package",
	module: "Pulumi from its Go module",
};

/** The tiers to try, in order. */
export function tiersToTry(wanted: string | undefined): readonly Tier[] {
	if (wanted === undefined || wanted === "") return tiers;
	const one = tiers.find((tier) => tier === wanted);
	if (one === undefined) throw new Error(`POD_GATEWAY_ENGINE is ${wanted}; it can be ${tiers.join(", ")} or unset`);
	return [one];
}
