import packages from "../../package.json" with { type: "json" };

/** The engine's version: that of the pinned npm package `pulumi`. A test compares `go.mod` with it. */
export const version: string = packages.devDependencies.pulumi;

/** The plugins' versions: those of the SDKs that the program uses. */
export const commandVersion: string = packages.dependencies["@pulumi/command"];
export const kubernetesVersion: string = packages.dependencies["@pulumi/kubernetes"];

/** Where an engine can come from, in the order of preference. */
export const tiers = ["path", "npm", "module"] as const;

export type Tier = (typeof tiers)[number];

/** A Pulumi CLI with all that it needs to run this project. */
export interface Engine {
	readonly tier: Tier;
	/** The CLI's absolute path. */
	readonly pulumi: string;
	/** Folders to put first on PATH, in this order. */
	readonly path: readonly string[];
	/** Such as `3.259.0`. */
	readonly version: string;
	/** One line for people. */
	readonly describe: string;
}

/** Receives one line about the progress of something that takes long. */
export type ReportLine = (line: string) => void;
