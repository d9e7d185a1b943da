import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { ensureActionlint } from "../lab/actionlint.ts";
import { progress } from "../lab/progress.ts";

const workflow = z.object({
	jobs: z.object({ review: z.object({ steps: z.array(z.object({ run: z.string().optional() })) }) }),
});
const pipeline = z.object({ review: z.object({ script: z.array(z.string()) }) });

const read = (file: string) => readFile(join(import.meta.dirname, "../examples", file), "utf8");

describe.skipIf(inject("noLab") !== undefined)("the examples for CI", () => {
	let folder: string;
	let actionlint: string;

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "pod-gateway-ci-"));
		actionlint = await ensureActionlint(progress());
		// The linter reads the pipeline of a project on GitLab, which this is.
		for (const command of ["init --quiet", "remote add origin git@gitlab.com:example/site.git"]) {
			await execa("git", command.split(" "), { cwd: folder });
		}
	});
	afterAll(() => rm(folder, { recursive: true }));

	/** The findings of actionlint, and of shellcheck in the scripts of `run`. */
	async function lintedGitHub(text: string): Promise<string> {
		const file = join(folder, "workflow.yml");
		const config = join(folder, "actionlint.yaml");
		await writeFile(file, text);
		await writeFile(config, "self-hosted-runner:\n  labels: [pod-gateway]\n");
		return (await execa(actionlint, ["-no-color", "-config-file", config, file], { reject: false })).stdout;
	}

	/** The findings by GitLab's own schema of pipelines. */
	async function lintedGitLab(text: string) {
		await writeFile(join(folder, ".gitlab-ci.yml"), text);
		const linter = join(import.meta.dirname, "../node_modules/.bin/gitlab-ci-local");
		return execa(linter, ["--list"], { cwd: folder, reject: false, all: true });
	}

	/** The findings of shellcheck in the lines that each job's shell runs. */
	async function shellchecked(text: string): Promise<string> {
		const job = z.object({ script: z.array(z.string()) });
		const scripts = Object.values(parse(text)).flatMap((part) => {
			const { data } = job.safeParse(part);
			return data ? [data.script.join("\n")] : [];
		});
		expect(scripts.length).toBe(3);
		const found = scripts.map((script) =>
			execa("shellcheck", ["--shell", "sh", "-"], { input: `set -eu\n${script}\n`, reject: false }),
		);
		return (await Promise.all(found)).map(({ stdout }) => stdout).join("");
	}

	test("for GitHub: there are no findings, and a mistake is found", async () => {
		const text = await read("github-actions.yml");
		expect(await lintedGitHub(text)).toBe("");
		expect(await lintedGitHub(text.replace("runs-on: ubuntu", "run-on: ubuntu"))).toContain('unexpected key "run-on"');
		expect(await lintedGitHub(text.replace('comment "$NUMBER"', "comment $NUMBER"))).toContain("SC2086");
		expect(await lintedGitHub(text.replace("steps.drift.outputs", "steps.drif.outputs"))).toContain('"drif"');
	});

	test("for GitLab: there are no findings, and a mistake is found", async () => {
		const text = await read("gitlab-ci.yml");
		const sound = await lintedGitLab(text);
		expect(sound.exitCode, sound.all).toBe(0);
		expect(sound.stdout).toMatch(/^up +up +manual/m);
		expect((await lintedGitLab(text.replace("resource_group", "resource_grup"))).exitCode).not.toBe(0);
		expect(await shellchecked(text)).toBe("");
		expect(await shellchecked(text.replace('-- "$STACK" >review.md', "-- $STACK >review.md"))).toContain("SC2086");
	});

	test.each([
		[0, 0],
		[2, 0],
		[1, 1],
		[127, 1],
		[137, 1],
	])("a review that ends with %i ends the job with %i", async (code, expected) => {
		const bin = join(folder, `npm-${code}`);
		await mkdir(bin);
		await writeFile(join(bin, "npm"), `#!/bin/sh\nexit ${code}\n`, { mode: 0o755 });
		const { review: gitHub } = workflow.parse(parse(await read("github-actions.yml"))).jobs;
		const { review: gitLab } = pipeline.parse(parse(await read("gitlab-ci.yml")));
		const steps = [
			gitHub.steps.find(({ run }) => run?.includes("npm run -s review"))?.run ?? "",
			gitLab.script.slice(0, gitLab.script.findIndex((line) => line.startsWith("test ")) + 1).join("\n"),
		];
		for (const step of steps) {
			expect(step).toContain("npm run -s review");
			const env = {
				PATH: `${bin}:${process.env["PATH"]}`,
				STACK: "prod",
				GITHUB_STEP_SUMMARY: join(bin, "summary.md"),
			};
			const { exitCode } = await execa("bash", ["-eo", "pipefail", "-c", step], { cwd: bin, env, reject: false });
			expect(exitCode, step).toBe(expected);
		}
	});

	test("name scripts and files that exist", async () => {
		const { scripts } = JSON.parse(await readFile(join(import.meta.dirname, "../package.json"), "utf8"));
		for (const file of ["github-actions.yml", "gitlab-ci.yml"]) {
			const text = await read(file);
			const named = [...text.matchAll(/npm run (?:-s )?([\w-]+)/g)].map(([, name]) => name);
			expect(named.length).toBe(3);
			expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
			expect(text).toContain("--policy-pack policy --policy-pack-config examples/policy.json");
		}
		const rules = await readFile(join(import.meta.dirname, "../policy/pack.ts"), "utf8");
		for (const rule of Object.keys(JSON.parse(await read("policy.json")))) expect(rules).toContain(`name: "${rule}"`);
	});
});
