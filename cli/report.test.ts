import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exampleDesired } from "../tests/fixtures/report.ts";
import { exampleResources, exampleTarget } from "../tests/fixtures/state.ts";

const SECRET = "of-nobody-else";

/** A state with one server, at a closed port of this machine. */
const state = {
	deployment: {
		resources: [
			{
				urn: "urn:pulumi:prod::pod-gateway::pulumi:pulumi:Stack::pod-gateway-prod",
				type: "pulumi:pulumi:Stack",
				outputs: {
					gateways: { "gw-1": { node: "gw-1", addresses: ["10.200.0.20"] } },
					ranges: { services: ["192.96.0.0/16"] },
					podRoutes: [["192.244.32.0/26 of ku13-2"]],
				},
			},
			...exampleResources("db-1", exampleDesired("db-1"), {
				...exampleTarget,
				host: "127.0.0.1",
				port: 1,
				privateKey: SECRET,
			}),
		],
	},
};

describe("npm run report", { timeout: 60_000 }, () => {
	let folder: string;
	let out: string;
	let pulumi: string;

	beforeEach(async () => {
		folder = await mkdtemp(join(tmpdir(), "pod-gateway-report-"));
		out = join(folder, "new", "reports");
		pulumi = join(folder, "pulumi");
		await answers("export", JSON.stringify(state));
		await answers("history", "[]");
		await answers("preview", "error: no cluster here", 255);
		// Answers each command from a file, in place of Pulumi.
		await writeFile(
			pulumi,
			`#!/bin/sh\ncase $1 in stack) name=$2 ;; *) name=$1 ;; esac\ncat "${folder}/$name"; exit "$(cat "${folder}/$name.code")"\n`,
		);
		await chmod(pulumi, 0o755);
	});
	afterEach(() => rm(folder, { recursive: true }));

	async function answers(name: "export" | "history" | "preview", text: string, exitCode = 0) {
		await writeFile(join(folder, name), text);
		await writeFile(join(folder, `${name}.code`), String(exitCode));
	}

	async function report(...options: string[]) {
		const argv = ["--import", "tsx", "cli/report.ts", ...options];
		const env = { POD_GATEWAY_PULUMI: pulumi };
		const { exitCode, stdout, stderr } = await execa("node", argv, { env, reject: false });
		return { exitCode, stdout, stderr };
	}

	const both = async (name: string) =>
		(await Promise.all(["html", "md"].map((kind) => readFile(join(out, `${name}.report.${kind}`), "utf8")))).join("");

	test("writes both files into a new folder, for a stack with its full name", async () => {
		const { exitCode, stdout, stderr } = await report("acme/pod-gateway/prod", "--no-live", "--out", out);
		expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 0, stdout: "" });
		expect((await readdir(out)).sort()).toEqual(["prod.report.html", "prod.report.md"]);
		expect(stderr).toBe(`wrote ${out}/prod.report.html\nwrote ${out}/prod.report.md`);
		const text = await both("prod");
		expect(text).toContain("1 server: 1 not looked at; gateway gw-1; 1 block on 1 node");
		expect(text).not.toContain("What an update would change");
		expect(text).not.toContain(SECRET);
	});

	test("reports a server that does not answer, and a preview that fails", async () => {
		const { exitCode, stderr } = await report("prod", "--out", out);
		expect(exitCode, stderr).toBe(0);
		const text = await both("prod");
		expect(text).toContain("1 server: 1 unknown;");
		expect(text).toContain("error: no cluster here");
		expect(text).toContain("The preview failed.");
		expect(text).not.toContain(SECRET);
	});

	test.each([
		["a Pulumi that fails", 1, SECRET, "pulumi stack export --show-secrets --stack prod: failed with exit code 1"],
		["a Pulumi that stops early", 0, `{"plaintext":"${SECRET}`, "its output is not JSON"],
		["a stack that was never deployed", 0, '{"deployment":{}}', "nothing was deployed yet; run pulumi up first"],
		["another object", 0, `["${SECRET}"]`, "not a stack state"],
	])("%s gives an error with the reason, without secrets", async (_, code, printed, why) => {
		await answers("export", printed, code);
		const { exitCode, stdout, stderr } = await report("prod", "--out", out);
		expect(exitCode).toBe(1);
		expect(stderr).toContain(why);
		expect(stdout + stderr).not.toContain(SECRET);
		await expect(readdir(out)).rejects.toThrow("ENOENT");
	});

	test("an error names the file that cannot be written", async () => {
		await mkdir(join(out, "prod.report.html"), { recursive: true });
		const { exitCode, stderr } = await report("prod", "--no-live", "--out", out);
		expect(exitCode).toBe(1);
		expect(stderr).toContain(`error: cannot write ${out}/prod.report.html: EISDIR`);
	});

	test("a missing Pulumi is an error", async () => {
		await rm(pulumi);
		const { exitCode, stderr } = await report("prod", "--out", out);
		expect(exitCode).toBe(1);
		expect(stderr).toContain(`${pulumi} is missing; run this with npm run, or install Pulumi`);
	});

	test("a Pulumi that cannot be run is an error with the system's reason", async () => {
		await rm(pulumi);
		await mkdir(pulumi);
		const { exitCode, stderr } = await report("prod", "--out", out);
		expect(exitCode).toBe(1);
		expect(stderr).toContain(`${pulumi} cannot be run (spawn ${pulumi} EACCES); install Pulumi again`);
	});

	test("help", async () => {
		const { exitCode, stdout } = await report("--help");
		expect(exitCode).toBe(0);
		for (const option of ["--out <folder>", "--no-live", "Exit code 0"]) expect(stdout).toContain(option);
		expect((await report()).exitCode).toBe(1);
	});
});
