import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TABLE } from "../src/core/plan/masquerade.ts";
import { bridge, disk, imageSource, sha256 } from "../src/drivers/libvirt/fields.ts";
import { INSTALLED, STATE, UPLOADED, UPLOADED_BY_USER } from "../src/remote/hostPaths.ts";
import { hostScript } from "../src/remote/hostScript.ts";

/** The scripts for nodes. Each is sent alone, so that code that two of them need is in both. */
const NODE_SCRIPTS = ["prepare-node.sh", "join-node.sh", "reset-node.sh"];

/** The text of each constant and function of a script, by its name. */
function definitions(script: string): ReadonlyMap<string, string> {
	const { text } = hostScript(script);
	const constants = [...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
	const functions = [...text.matchAll(/^(\w+)\(\) (?:\{ .* \}|\{\n[\s\S]*?\n\})$/gm)].map(([body, name]) => [
		name,
		body,
	]);
	return new Map([...constants, ...functions] as [string, string][]);
}

describe("a constant or function that two scripts for nodes share is the same in both", () => {
	const all = NODE_SCRIPTS.map(definitions);
	const names = new Set(all.flatMap((own) => [...own.keys()]));
	const shared = [...names].filter((name) => all.filter((own) => own.has(name)).length > 1);

	test("there are some", () => {
		expect(shared).toEqual(expect.arrayContaining(["PATH", "LOCK", "SYSCTLS_BEFORE", "fail", "ends", "control_plane"]));
	});

	test.each(shared)("%s", (name) => {
		const texts = all.flatMap((own) => own.get(name) ?? []);
		expect(new Set(texts).size, texts.join("\n")).toBe(1);
	});
});

describe("paths on a server", () => {
	test("the script for servers installs itself, and keeps its state, where the program looks", () => {
		const script = definitions("server-network.sh");
		expect(script.get("INSTALLED")).toBe(INSTALLED);
		expect(script.get("STATE")?.replace(/^\$\{\w+:-(.*)\}$/, "$1")).toBe(STATE);
		expect(script.get("UPLOADED")).toBe(UPLOADED);
		expect(hostScript("server-network.sh").text).toContain(`-name '${UPLOADED_BY_USER}-*'`);
	});

	test("the other scripts for servers look in the same places", () => {
		expect(definitions("look-at-server.sh").get("INSTALLED")).toBe(INSTALLED);
		const restore = definitions("restore-server.sh");
		expect(restore.get("INSTALLED")).toBe(INSTALLED);
		expect(restore.get("STATE")).toBe(STATE);
		expect(hostScript("restore-server.sh").text).toContain(`rm -f ${UPLOADED}-* ${UPLOADED_BY_USER}-* `);
	});

	test.each([
		["sudo", `/${UPLOADED_BY_USER}-*, /bin/sh ${INSTALLED} *`],
		["sudo-rs", `/${UPLOADED_BY_USER}-*, ${INSTALLED}\n`],
	])("the lab's rule for %s, which the documentation shows, allows both", (sudo, both) => {
		const rule = readFileSync(join(import.meta.dirname, "../lab/hosts/sudoers", sudo), "utf8");
		expect(rule).toContain(both);
	});
});

describe("the script for hypervisors accepts the values that the settings accept", () => {
	const text = hostScript("libvirt-vm.sh").text;
	const patternOf = (key: string) => {
		const posix = new RegExp(`check ${key} "\\$\\w+" '(.*)'`).exec(text)?.[1] ?? "is not there";
		// In a POSIX list, a bracket right after the opening one is a member.
		return new RegExp(`^(${posix.replace("[]", "[\\]")})$`);
	};

	test.each([
		["bridge", bridge, ["br0", "vmbr0.100", "a".repeat(15)], ["", "a b", "a".repeat(16), "br0;"]],
		["image-sha256", sha256, ["abcdef01".repeat(8)], ["0".repeat(63), "g".repeat(64), "A".repeat(64)]],
		[
			"image-source",
			imageSource,
			["/srv/a.qcow2", "https://h/a%20b?x=1"],
			["a.qcow2", "/a b", 'https://h/"', "ftp://h/"],
		],
		["disk-gib", disk, [2, 20, 16384], [0, 1_000_000]],
	] as const)("%s", (key, field, good, bad) => {
		const taken = (value: unknown) => [field.safeParse(value).success, patternOf(key).test(String(value))];
		for (const value of good) expect(taken(value), String(value)).toEqual([true, true]);
		for (const value of bad) expect(taken(value), String(value)).toEqual([false, false]);
	});
});

test("preparing and resetting a node remove the masquerading by the table's name", () => {
	const tables = (script: string) => new Set(hostScript(script).text.match(/pod_gateway_\w+/g));
	for (const script of ["prepare-node.sh", "reset-node.sh"]) expect(tables(script)).toEqual(new Set([TABLE]));
});
