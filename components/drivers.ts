import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Driver } from "./driver.ts";

/** Where a gateway names no driver: the machine is there already. */
export const DEFAULT_DRIVER = "existing";

/** What can make a gateway's machine: every file of `components/drivers`, under the file's name. */
export const drivers: readonly { readonly name: string; readonly driver: Driver }[] = await load(
	join(import.meta.dirname, "drivers"),
);

/** The driver of that name; the settings' schema lets no other through. */
export function driverNamed(name: string): Driver {
	const found = drivers.find((one) => one.name === name);
	if (!found) throw new Error(`there is no driver ${name}`);
	return found.driver;
}

async function load(folder: string) {
	const files = readdirSync(folder).filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
	return Promise.all(
		files.sort().map(async (file) => {
			const { driver }: { driver?: Driver } = await import(pathToFileURL(join(folder, file)).href);
			if (!driver) throw new Error(`components/drivers/${file} exports no driver; see components/driver.ts`);
			return { name: basename(file, ".ts"), driver };
		}),
	);
}
