import { expect, it } from "vitest";
import { engineAddress } from "./engineAddress.ts";

it.each([
	[["127.0.0.1:4000"], "127.0.0.1:4000"],
	[["--logtostderr", "-v=9", "--tracing", "file:./trace", "127.0.0.1:4000"], "127.0.0.1:4000"],
	[["--tracing", "file:./trace"], undefined],
	[[""], undefined],
	[[], undefined],
])("finds the engine among %j", (args, address) => {
	expect(engineAddress(args)).toBe(address);
});
