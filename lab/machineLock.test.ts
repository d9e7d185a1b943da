import { expect, test } from "vitest";
import { tryLock } from "./machineLock.ts";

const name = `test-${process.pid}`;

test("a lock has one holder until it is released", async () => {
	const release = await tryLock(name);
	expect(release).toBeTypeOf("function");
	expect(await tryLock(name)).toBeUndefined();
	release?.();
	const again = await tryLock(name);
	expect(again).toBeTypeOf("function");
	again?.();
});

test("locks with different names do not exclude each other", async () => {
	const releases = await Promise.all([tryLock(`${name}-a`), tryLock(`${name}-b`)]);
	expect(releases.every((release) => release !== undefined)).toBe(true);
	for (const release of releases) release?.();
});
