import { editorSchema } from "./jsonSchema.ts";
import type { KnownDriver } from "./schema.ts";

/** The parts of a JSON Schema that this page uses. */
interface Part {
	readonly type?: string;
	readonly description?: string;
	readonly enum?: readonly string[];
	readonly const?: unknown;
	readonly minimum?: number;
	readonly maximum?: number;
	readonly items?: Part;
	readonly properties?: Readonly<Record<string, Part>>;
	readonly required?: readonly string[];
	readonly oneOf?: readonly Part[];
	readonly anyOf?: readonly Part[];
}

const HEADER = ["setting", "value", "meaning"];

/** The text of docs/settings.md: every setting of a stack file, from the schema that editors use. */
export function settingsPage(drivers: readonly KnownDriver[]): string {
	const stackFile: Part = editorSchema(drivers);
	const config = stackFile.properties?.["config"] ?? {};
	const ssh = JSON.stringify(config.properties?.["pod-gateway:ssh"]?.properties);
	const sections = Object.entries(config.properties ?? {}).map(([key, section]) => {
		const list = section.items ? ["It is a list."] : [];
		const presence = config.required?.includes(key) ? [...list, "It is required."] : list;
		const intro = [section.description ?? "", ...presence].join(" ");
		return [`## ${key}`, intro, ...tables(section.items ?? section, key === "pod-gateway:ssh" ? "" : ssh)].join("\n\n");
	});
	return `${[PREFACE, ...sections].join("\n\n")}\n`;
}

const PREFACE = `# Settings

\`npm run schema\` makes this page from the program's own schema. Do not edit it.

Settings are in \`stacks/Pulumi.<env>.yaml\`, below \`config\`. A dot leads into a block: \`image.sha256\` is the key \`sha256\` in the block
\`image\`. [stacks/Pulumi.example.yaml](../stacks/Pulumi.example.yaml) is an example to copy. Copies of it name
[the JSON Schema](../stacks/settings.schema.json), with which editors complete and check the settings. The program itself checks more: addresses,
keys, and settings that exclude each other.`;

/** One table. If the keys depend on the driver: a table of the common keys, and one for each driver. */
function tables(section: Part, ssh: string | undefined): string[] {
	const kinds = section.oneOf;
	if (!kinds) return [table(rows(section, "", ssh))];
	const [first, ...others] = kinds.map((kind) => rows(kind, "", ssh));
	const inEach = (row: string[]) => others.every((one) => one.some((other) => String(other) === String(row)));
	const common = first?.filter(inEach) ?? [];
	const own = kinds.flatMap((kind) => [
		`### driver: ${String(kind.properties?.["driver"]?.const)}`,
		table(rows(kind, "", ssh).filter((row) => !common.some((one) => String(one) === String(row)))),
	]);
	return ["Every driver has these keys:", table(common), ...own];
}

/**
 * A row per key. Does not list the keys of an `ssh` block within a machine again.
 *
 * @param ssh the keys of pod-gateway:ssh as JSON.
 */
function rows(part: Part, prefix: string, ssh: string | undefined): string[][] {
	// The schema requires the key that distinguishes two forms of a block, but a person may leave it out.
	const [form] = Object.entries(part.properties ?? {}).filter(([, { const: value }]) => typeof value === "boolean");
	return Object.entries(part.properties ?? {}).flatMap(([key, value]) => {
		const required =
			part.required?.includes(key) && key !== form?.[0] ? `, required${form ? ` without \`${form[0]}\`` : ""}` : "";
		const row = [`\`${prefix}${key}\``, `${valuesOf(value)}${required}`, value.description ?? ""];
		if (JSON.stringify(value.properties) === ssh) return [row];
		const kinds = (value.oneOf ?? [value]).flatMap((kind) => rows(kind, `${prefix}${key}.`, ssh));
		const distinct = kinds.filter(([name], at) => kinds.findIndex(([other]) => other === name) === at);
		return [row, ...distinct];
	});
}

function valuesOf(part: Part): string {
	if (part.items) return `list of ${valuesOf(part.items)}`;
	if (part.enum) return part.enum.map((value) => `\`${value}\``).join(", ");
	if (part.const !== undefined) return `\`${String(part.const)}\``;
	const secret = part.anyOf?.some(({ properties }) => properties?.["secure"]);
	if (secret) return "text or secret";
	if (part.properties || part.oneOf) return "block";
	switch (part.type) {
		case "integer":
			return `${part.minimum} to ${part.maximum}`;
		case "boolean":
			return "`true`, `false`";
		case "object":
			return "texts by key";
		default:
			return "text";
	}
}

/** A Markdown table in the formatter's form: all cells of a column have the same width. */
function table(body: string[][]): string {
	const cells = [HEADER, ...body].map((row) => row.map(escaped));
	const widths = HEADER.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
	const line = (row: string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
	const [head = [], ...rest] = cells;
	return [line(head), line(widths.map((width) => "-".repeat(width))), ...rest.map(line)].join("\n");
}

/** The text without HTML tags and column separators. */
function escaped(text: string): string {
	return text.replaceAll("<", "\\<").replaceAll("|", "\\|");
}
