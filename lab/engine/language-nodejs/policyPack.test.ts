import languageMessages from "@pulumi/pulumi/proto/language_pb.js";
import { expect, test } from "vitest";
import { startPolicyPack } from "./policyPack.ts";

test("refuses plugins that are not policy packs, and packs without installed dependencies", () => {
	const request = new languageMessages.RunPluginRequest();
	expect(() => startPolicyPack(request.setKind("resource"))).toThrow("plugins of kind resource are not implemented");
	expect(() => startPolicyPack(request.setKind("analyzer").setProgram("/nowhere"))).toThrow(
		"@pulumi/pulumi/cmd/run-policy-pack",
	);
});
