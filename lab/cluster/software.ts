import type { Report } from "../progress.ts";
import { type Binaries, ensureBinaries } from "./binaries.ts";
import { ensureImages, type Images } from "./images.ts";

/** The software of the cluster's machines that Debian's archive does not have. */
export interface Software {
	readonly binaries: Binaries;
	readonly images: Images;
}

/** Builds the cluster's software, or finds it in the cache. */
export async function ensureSoftware(report: Report): Promise<Software> {
	const binaries = await ensureBinaries(report);
	return { binaries, images: await ensureImages(report, binaries) };
}
