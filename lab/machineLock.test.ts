import { expect, test } from "vitest";
import { tryLock } from "./machineLock.ts";

const name = `test-${process.pid}`;

test("a lock is one holder's until it lets go", async () => {
	const release = await tryLock(name);
	expect(release).toBeTypeOf("function");
	expect(await tryLock(name)).toBeUndefined();
	release?.();
	const again = await tryLock(name);
	expect(again).toBeTypeOf("function");
	again?.();
});

test("locks of other names do not hinder each other", async () => {
	const releases = await Promise.all([tryLock(`${name}-a`), tryLock(`${name}-b`)]);
	expect(releases.every((release) => release !== undefined)).toBe(true);
	for (const release of releases) release?.();
});
