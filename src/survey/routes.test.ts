import { beforeEach, expect, test, vi } from "vitest";
import { must } from "../../tests/fixtures/arbitraries.ts";
import type { Block, ExpectedBlocks } from "../core/calico/blocks.ts";
import { parsePrefix } from "../core/values/prefix.ts";
import type { Run } from "../remote/shell.ts";
import { readRoutes } from "./routes.ts";

const run = vi.fn<Run>();

const gateway = { host: "10.200.0.20", port: 22, user: "root", hostKey: "", connectTimeout: 1 };
const pods = [must(parsePrefix("192.244.0.0/16"))];
const first = "192.244.32.0/26";
const second = "192.244.190.128/26";

function blocks(...texts: string[]): ExpectedBlocks {
	const of = (text: string): Block => ({ prefix: must(parsePrefix(text)), node: "ku13-1" });
	return { blocks: texts.map(of), owners: new Map(), pools: [], notes: ["a note"] };
}

/** A gateway that has these routes at the first reading, the second and so on. The last ones stay. */
function readings(...tables: string[][]): void {
	run.mockImplementation(async () => {
		const table = tables.length > 1 ? tables.shift() : tables[0];
		const routes = (table ?? []).map((dst) => ({ dst, gateway: "10.200.0.11", dev: "eth0", flags: [] }));
		return { stdout: `== ip -j -4 route\n${JSON.stringify(routes)}\n`, stderr: "", exitCode: 0 };
	});
}

const texts = (all: readonly { prefix: { text: string } }[]) => all.map(({ prefix }) => prefix.text);

beforeEach(() => void run.mockReset());

test("one reading is enough if the routes lead to every block", async () => {
	readings([first, second]);
	const survey = await readRoutes(gateway, pods, 60, async () => blocks(first, second), run);
	expect(texts(survey.prefixes)).toEqual([first, second]);
	expect(survey).toMatchObject({ missing: [], notes: ["a note"] });
	expect(run).toHaveBeenCalledTimes(1);
});

test("one route is enough if no block is known", async () => {
	readings([], [first]);
	const survey = await readRoutes(gateway, pods, 60, async () => blocks(), run);
	expect(texts(survey.prefixes)).toEqual([first]);
	expect(run).toHaveBeenCalledTimes(2);
});

test("a gateway with routes to only some blocks is read until it has all", async () => {
	readings([first], [first, second]);
	const survey = await readRoutes(gateway, pods, 60, async () => blocks(first, second), run);
	expect(texts(survey.prefixes)).toEqual([first, second]);
	expect(survey.missing).toEqual([]);
});

test("a block that is released meanwhile is not waited for", async () => {
	readings([first]);
	const expectations = [blocks(first, second), blocks(first)];
	const survey = await readRoutes(gateway, pods, 60, async () => expectations.shift() ?? blocks(first), run);
	expect(survey.missing).toEqual([]);
	expect(run).toHaveBeenCalledTimes(2);
});

test("after the time limit, the missing blocks are returned", async () => {
	readings([first]);
	const survey = await readRoutes(gateway, pods, 0.5, async () => blocks(first, second), run);
	expect(texts(survey.prefixes)).toEqual([first]);
	expect(texts(survey.missing)).toEqual([second]);
});

test("the cluster and the gateway are read at the same time", async () => {
	readings([first]);
	let asked = false;
	run.mockImplementationOnce(async () => {
		await vi.waitFor(() => expect(asked).toBe(true));
		return { stdout: "== ip -j -4 route\n[]\n", stderr: "", exitCode: 0 };
	});
	await readRoutes(
		gateway,
		pods,
		0,
		async () => {
			asked = true;
			return blocks(first);
		},
		run,
	);
});

test("a gateway that cannot be read is an error", async () => {
	run.mockResolvedValue({ stdout: "", stderr: "no\n", exitCode: 1 });
	await expect(readRoutes(gateway, pods, 1, async () => blocks(), run)).rejects.toThrow(
		"cannot read the routes of 10.200.0.20: no",
	);
});

test("a later reading only gets the remaining time", async () => {
	readings([first], [first], [first, second]);
	const clock = vi.spyOn(Date, "now");
	let now = 0;
	clock.mockImplementation(() => now);
	const slow = run.getMockImplementation();
	run.mockImplementation(async (...args) => {
		now += 25_000;
		return (await slow?.(...args)) ?? { stdout: "", stderr: "", exitCode: 1 };
	});
	await readRoutes(gateway, pods, 60, async () => blocks(first, second), run);
	clock.mockRestore();
	const limits = run.mock.calls.map(([, , { args, timeout }]) => [args, timeout]);
	expect(limits).toEqual([
		[["60"], 90],
		[["35"], 65],
		[["10"], 40],
	]);
});
