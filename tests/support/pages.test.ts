import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** Every file and folder of the repository, by its path. */
const tree: readonly string[] = readdirSync(root)
	.filter((name) => name !== "node_modules" && name !== ".git")
	.flatMap((name) => {
		const inside = statSync(join(root, name)).isDirectory() ? readdirSync(join(root, name), { recursive: true }) : [];
		return [name, ...inside.map((path) => join(name, String(path)))];
	});
const known = new Set(tree);

const pages = tree.filter((path) =>
	/^(CONTRIBUTING|SECURITY|CHANGELOG)\.md$|(^|\/)README\.md$|^docs\/.*\.md$/.test(path),
);

/** What a page says outside of blocks of code. */
function prose(page: string): string {
	const text = readFileSync(join(root, page), "utf8");
	return text.replace(/^```[\s\S]*?^```/gm, "").replace(/^(?: {4}|\t).*$/gm, "");
}

/** The targets of a page's links, but for those that lead elsewhere. */
function linksOf(page: string): readonly string[] {
	const links = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
	return links.filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): ReadonlySet<string> {
	const headings = [...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => heading);
	return new Set(
		headings.map((heading) =>
			heading
				.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
				.toLowerCase()
				.replace(/[^\p{L}\p{N}\s_-]/gu, "")
				.replaceAll(" ", "-"),
		),
	);
}

/** Whether a link of a page leads to a file or folder and, where it names one, to a heading there. */
function leads(page: string, link: string): boolean {
	const [path = "", anchor] = link.split("#");
	const target = path === "" ? page : relative(root, join(root, dirname(page), path));
	if (target !== "" && !known.has(target)) return false;
	return anchor === undefined || (target.endsWith(".md") && anchorsOf(target).has(anchor));
}

/** What an environment has once somebody made it. */
const MADE: readonly string[] = ["stacks/<env>.routes.json"];

/** The folders whose paths are written from the top. */
const folders = tree.filter(
	(path) => !path.includes("/") && !path.startsWith(".") && statSync(join(root, path)).isDirectory(),
);

/** What a page writes as a path from the top of the repository: `src/remote/ssh.ts`, `host/server/**` or `cli/{report,drift}.ts`. */
function pathsOf(page: string): readonly string[] {
	const written = [...prose(page).matchAll(/`([^`]+)`/g)].flatMap(([, text = ""]) => text.split(/\s/));
	return written.filter((text) => folders.some((folder) => text.startsWith(`${folder}/`)));
}

/** The paths that one with lists in braces stands for. */
function spelledOut(path: string): readonly string[] {
	const list = /\{([^{}]*)\}/.exec(path);
	if (!list) return [path];
	const [whole, names = ""] = list;
	return names.split(",").flatMap((name) => spelledOut(path.replace(whole, name)));
}

/** Whether there is something of that path. A word in capitals or in angle brackets, and dots, stand for a name. */
function isThere(path: string): boolean {
	if (known.has(path)) return true;
	return spelledOut(path).every((one) => {
		const pattern = one
			.replace(/\/$/, "")
			.replace(/\b[A-Z]+\b|<\w+>|…/g, "*")
			.replace(/[.+^$()|[\]\\]/g, "\\$&")
			.replace(/\*\*\/?|\*/g, (star) => (star === "*" ? "[^/]*" : "(?:.*/)?"));
		return tree.some((other) => new RegExp(`^${pattern}$`).test(other));
	});
}

test("every link of a page leads to what is there", () => {
	const broken = (page: string) => linksOf(page).filter((link) => !leads(page, link));
	expect(pages.flatMap((page) => broken(page).map((link) => `${page}: ${link}`))).toEqual([]);
});

test("every path on a page is one of the repository, or of what it is used to make", () => {
	const wrong = (page: string) => pathsOf(page).filter((path) => !isThere(path) && !MADE.includes(path));
	expect(pages.flatMap((page) => wrong(page).map((path) => `${page}: ${path}`))).toEqual([]);
});

test("links and paths are found, and known for what they are", () => {
	expect(linksOf("CONTRIBUTING.md")).toContain("docs/lab.md#what-it-needs");
	expect(leads("CONTRIBUTING.md", "docs/lab.md#what-it-needs")).toBe(true);
	expect(leads("CONTRIBUTING.md", "docs/lab.md#what-nobody-wrote")).toBe(false);
	expect(leads("docs/lab.md", "CONTRIBUTING.md")).toBe(false);
	expect(pathsOf("CONTRIBUTING.md")).toContain("src/settings/schema.ts");
	expect(
		["src/drivers/NAME/driver.ts", "host/server/**/*.sh", "cli/{review,drift}.ts", "lab/"].filter(isThere),
	).toHaveLength(4);
	expect(["lab/NAME/driver.ts", "src/settings/scheme.ts", "cli/{review,rift}.ts", "src/ssh"].filter(isThere)).toEqual(
		[],
	);
});
