import { basename } from "node:path";
import { expect, test } from "vitest";
import { layerDir, layerNames, stackDirs } from "./layers.ts";

test("a layer's folder is named for its kind and its recipe", () => {
	const names = layerNames.map((name) => basename(layerDir(name)));
	expect(names.every((name) => /^[a-z-]+-[0-9a-f]{12}$/.test(name))).toBe(true);
	expect(new Set(names).size).toBe(layerNames.length);
});

test("a stack ends with the base of its layers, even if no layer is named", () => {
	const names = (dirs: string[]) => dirs.map((dir) => basename(dir).replace(/-[0-9a-f]+$/, ""));
	expect(names(stackDirs(["node"]))).toEqual(["node", "base"]);
	expect(names(stackDirs(["dhcp"]))).toEqual(["dhcp", "base-trixie"]);
	expect(names(stackDirs([]))).toEqual(["base"]);
});

test("the same recipe has the same folder", () => {
	expect(layerDir("node")).toBe(layerDir("node"));
});
