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

/** The gateway has these routes at the first reading, the second and so on; the last one stays. */
function readings(...tables: string[][]): void {
	run.mockImplementation(async () => {
		const table = tables.length > 1 ? tables.shift() : tables[0];
		const routes = (table ?? []).map((dst) => ({ dst, gateway: "10.200.0.11", dev: "eth0", flags: [] }));
		return { stdout: `== ip -j -4 route\n${JSON.stringify(routes)}\n`, stderr: "", exitCode: 0 };
	});
}

const texts = (all: readonly { prefix: { text: string } }[]) => all.map(({ prefix }) => prefix.text);

beforeEach(() => void run.mockReset());

test("one reading is enough where every block is there", async () => {
	readings([first, second]);
	const survey = await readRoutes(gateway, pods, 60, async () => blocks(first, second), run);
	expect(texts(survey.prefixes)).toEqual([first, second]);
	expect(survey).toMatchObject({ missing: [], notes: ["a note"] });
	expect(run).toHaveBeenCalledTimes(1);
});

test("one route is enough where no block is known", async () => {
	readings([], [first]);
	const survey = await readRoutes(gateway, pods, 60, async () => blocks(), run);
	expect(texts(survey.prefixes)).toEqual([first]);
	expect(run).toHaveBeenCalledTimes(2);
});

test("a gateway that has some blocks only is read until it has all", async () => {
	readings([first], [first, second]);
	const survey = await readRoutes(gateway, pods, 60, async () => blocks(first, second), run);
	expect(texts(survey.prefixes)).toEqual([first, second]);
	expect(survey.missing).toEqual([]);
});

test("a block that is taken away meanwhile is not waited for", async () => {
	readings([first]);
	const expectations = [blocks(first, second), blocks(first)];
	const survey = await readRoutes(gateway, pods, 60, async () => expectations.shift() ?? blocks(first), run);
	expect(survey.missing).toEqual([]);
	expect(run).toHaveBeenCalledTimes(2);
});

test("when the time is over, what is missing is told", async () => {
	readings([first]);
	const survey = await readRoutes(gateway, pods, 0.5, async () => blocks(first, second), run);
	expect(texts(survey.prefixes)).toEqual([first]);
	expect(texts(survey.missing)).toEqual([second]);
});

test("the cluster is asked while the gateway is read", async () => {
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

test("a later reading has what is left of the time, and not all of it once more", async () => {
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
