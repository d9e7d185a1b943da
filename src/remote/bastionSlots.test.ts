import { mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AT_ONCE, withSlot } from "./bastionSlots.ts";

let base: string;
beforeEach(async () => {
	base = await mkdtemp(join(tmpdir(), "pod-gateway-slots-"));
});
afterEach(() => rm(base, { recursive: true }));

test("each bastion has its own limit of connections at a time", async () => {
	const folder = join(base, "slots");
	let [now, most, other] = [0, 0, 0];
	let release: (() => void) | undefined;
	const held = new Promise<void>((resolve) => {
		release = resolve;
	});
	const work = Array.from({ length: 3 * AT_ONCE }, () =>
		withSlot(
			"one",
			async () => {
				most = Math.max(most, ++now);
				if (now === AT_ONCE) {
					await withSlot("another", async () => void other++, folder);
					release?.();
				}
				await held;
				now--;
			},
			folder,
		),
	);
	await Promise.all(work);
	expect({ most, other }).toEqual({ most: AT_ONCE, other: 1 });
	expect(await readdir(folder)).toEqual([]);
});

test("a slot of a dead process, and an old slot, are taken over", async () => {
	const folder = join(base, "slots");
	const [name = ""] = await withSlot("one", async () => await readdir(folder), folder);
	for (let number = 0; number < AT_ONCE; number++) {
		const slot = join(folder, name.replace(/0$/, `${number}`));
		// No process has the id 2^22 + 1 (proc(5), pid_max). This process is alive, but its file is a day old.
		await writeFile(slot, number % 2 === 0 ? "4194305" : `${process.pid}`);
		if (number % 2 !== 0) await utimes(slot, new Date(0), new Date(0));
	}
	expect(await withSlot("one", async () => "done", folder)).toBe("done");
});

test("a folder that another user could have made is not used, and there is no limit", async () => {
	const folder = join(base, "slots");
	await symlink(base, folder);
	expect(await withSlot("one", async () => await readdir(base), folder)).toEqual(["slots"]);
});

test("an action that fails frees its slot", async () => {
	const folder = join(base, "slots");
	await expect(withSlot("one", () => Promise.reject(new Error("no")), folder)).rejects.toThrow("no");
	expect(await readdir(folder)).toEqual([]);
});
