import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Driver } from "./driver.ts";

/** All drivers: every folder here with a `driver.ts`, by the folder's name. */
export const drivers: readonly { readonly name: string; readonly driver: Driver }[] = await load(import.meta.dirname);

/** The driver of that name. @throws Error if there is none, which the settings' schema rules out. */
export function driverNamed(name: string): Driver {
	const found = drivers.find((one) => one.name === name);
	if (!found) throw new Error(`there is no driver ${name}`);
	return found.driver;
}

async function load(folder: string) {
	const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "driver.ts")));
	return Promise.all(
		names.sort().map(async (name) => {
			const file = join(folder, name, "driver.ts");
			const { driver }: { driver?: Driver } = await import(pathToFileURL(file).href);
			if (!driver) throw new Error(`${file} does not export driver; see driver.ts in ${folder}`);
			return { name, driver };
		}),
	);
}
