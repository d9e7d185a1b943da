import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { drivers } from "../drivers/registry.ts";
import { editorSchema } from "./jsonSchema.ts";

const stacks = new URL("../../stacks/", import.meta.url);

test("the schema that editors use is the settings' own; npm run schema writes it", async () => {
	const file: unknown = JSON.parse(await readFile(new URL("settings.schema.json", stacks), "utf8"));
	expect(file).toEqual(JSON.parse(JSON.stringify(editorSchema(drivers))));
});

test("the example names it, so that copies of it do, too", async () => {
	const example = await readFile(new URL("Pulumi.example.yaml", stacks), "utf8");
	expect(example.split("\n")[0]).toBe("# yaml-language-server: $schema=./settings.schema.json");
});

test("a secret may stand in clear or encrypted", () => {
	const cluster = z
		.looseObject({
			properties: z.looseObject({ config: z.looseObject({ properties: z.record(z.string(), z.any()) }) }),
		})
		.parse(editorSchema(drivers)).properties.config.properties["pod-gateway:cluster"];
	const kinds = cluster.properties.kubeconfig.anyOf.map(({ type }: { type: string }) => type);
	expect(kinds).toEqual(["string", "object"]);
	const etcd = Object.entries<object>(cluster.properties.calicoEtcd.properties);
	expect(etcd.flatMap(([key, value]) => ("anyOf" in value ? [key] : []))).toEqual(["key"]);
});
