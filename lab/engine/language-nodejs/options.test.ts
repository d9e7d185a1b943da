import { describe, expect, it } from "vitest";
import { parseOptions } from "./options.ts";

describe("the runtime options", () => {
	it("default to TypeScript compiled by the SDK, and to no arguments for node", () => {
		expect(parseOptions({})).toEqual({ typescript: true, nodeargs: [] });
	});

	it("split the arguments for node as a shell does", () => {
		const options = parseOptions({ typescript: false, nodeargs: "--import tsx --title='a b' \"c d\"" });
		expect(options).toEqual({ typescript: false, nodeargs: ["--import", "tsx", "--title=a b", "c d"] });
	});

	it.each([{ typescript: "no" }, { nodeargs: ["--x"] }, { tsconfig: 1 }])("refuse %j", (options) => {
		expect(() => parseOptions(options)).toThrow(/option must be a/);
	});
});
