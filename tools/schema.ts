/** `npm run schema`: writes stacks/settings.schema.json anew from the settings' own schema. */
import { writeFile } from "node:fs/promises";
import { stackFileSchema } from "../components/settings/jsonSchema.ts";

await writeFile(
	new URL("../stacks/settings.schema.json", import.meta.url),
	`${JSON.stringify(stackFileSchema(), null, "\t")}\n`,
);
