import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { reportSurvey } from "../../components/routeSurvey.ts";
import { must } from "../../tests/fixtures/arbitraries.ts";
import { answering, type ExampleSshd, exampleSshd, type SshdOptions } from "../../tests/fixtures/sshd.ts";
import { parsePrefix } from "../core/values/prefix.ts";
import { readRoutes } from "../survey/routes.ts";

const pods = [must(parsePrefix("10.244.0.0/16"))];
const running: ExampleSshd[] = [];

beforeEach(() => void vi.stubEnv("SSH_AUTH_SOCK", ""));
afterEach(async () => {
	vi.unstubAllEnvs();
	for (const one of running.splice(0)) await one.stop();
});

/** The routes that servers would get, and the messages, if the gateway answers with this script. */
async function surveyed(answer: SshdOptions["answer"]) {
	const gateway = await exampleSshd(answer ? { answer } : {});
	running.push(gateway);
	const said: string[] = [];
	const log = async (_: string, text: string) => void said.push(text);
	const expected = async () => ({ blocks: [], owners: undefined, pools: [], notes: [] });
	const read = () => readRoutes(gateway.target, pods, 1, expected);
	const begin = { at: Date.now(), heap: process.memoryUsage().heapUsed };
	const routes = await reportSurvey(read, pods, { gateway: "gw-1", seconds: 1, maxShrink: 0.3, log }).catch(() => []);
	const seconds = (Date.now() - begin.at) / 1000;
	const megabytes = (process.memoryUsage().heapUsed - begin.heap) / 1e6;
	return { routes: routes.map(({ prefix, node }) => `${prefix.text} of ${node}`), said, seconds, megabytes };
}

const table = (rows: string) => answering(`echo '== ip -j -4 route'; ${rows}`);
const json = (...rows: object[]) => table(`cat <<'END'\n${JSON.stringify(rows)}\nEND`);

describe("a hostile gateway", () => {
	test("cannot give servers routes outside the pod range, such as half of the internet", async () => {
		const all = ["0.0.0.0/1", "128.0.0.0/1", "default", "10.0.0.0/8", "10.244.0.0/16", "10.244.7.0/26", "192.0.2.0/24"];
		const { routes, said } = await surveyed(json(...all.map((dst) => ({ dst, gateway: "10.200.0.66" }))));
		expect(routes).toEqual(["10.244.7.0/26 of 10.200.0.66"]);
		expect(said).toEqual([
			"gw-1: left out the route to 0.0.0.0/1: covers the whole pod range 10.244.0.0/16",
			"gw-1: left out the route to 10.0.0.0/8: covers the whole pod range 10.244.0.0/16",
			"gw-1: left out the route to 10.244.0.0/16: covers the whole pod range 10.244.0.0/16",
		]);
	});

	test("cannot put words into a shell, escapes into a terminal, or a thousand warnings into a log", async () => {
		const words = [
			"$(reboot)",
			"`id`",
			"10.244.0.0/24; reboot",
			"10.244.0.0/24\n10.0.0.0/8",
			"\u001b[31m",
			"\u202e",
			"'",
		];
		const bad = words.flatMap((word) => [
			{ dst: word, gateway: "10.0.0.1" },
			{ dst: "10.244.1.0/24", gateway: word },
		]);
		const many = Array.from({ length: 3000 }, () => ({ dst: "$(reboot)" }));
		const { routes, said } = await surveyed(json(...bad, ...many));
		expect(routes).toEqual([]);
		expect(said.length).toBeLessThan(12);
		expect(said.at(-1)).toMatch(/and 3006 more like this: left out a row that is not a route: .*\$\(reboot\)/);
		for (const text of said) expect(text).toMatch(/^[ -~«»…]{1,400}$/);
	});

	test.each<[string, SshdOptions["answer"], RegExp]>([
		[
			"NUL bytes",
			table("head -c 100000 /dev/zero"),
			/ip -j route answered "\\u0000.* characters .*\\u0000", which is not a JSON list/,
		],
		["nothing", answering("true"), /read-routes\.sh printed no line "== COMMAND"/],
		["another command's output", answering("echo '== reboot'"), /the output of an unknown command: "reboot"/],
		[
			"a list without end",
			table("printf '['; sleep 0.1; exit 1"),
			/^gw-1 was not surveyed; no server was touched: cannot read/,
		],
		[
			"an error without end",
			answering("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1"),
			/x… \d+ characters|x … \d+ characters … x/,
		],
		[
			"no frame",
			(_, channel) => {
				channel.exit(0);
				channel.end("== ip -j -4 route\n[]\n");
			},
			/did not run read-routes\.sh/,
		],
	])("is not surveyed if it answers with %s", async (_, answer, reason) => {
		const { routes, said } = await surveyed(answer);
		expect(routes).toEqual([]);
		expect(said).toHaveLength(1);
		expect(said[0]).toMatch(reason);
		expect(said[0]?.length).toBeLessThan(9000);
		expect(said[0]).toMatch(/^[^\p{C}]*$/u);
	});

	test.each<[string, string, RegExp]>([
		["a line without end", "yes x | tr -d '\\n'", /this printed more than 64 MiB: read-routes\.sh 1$/],
		[
			"a million routes",
			`awk 'BEGIN { printf "["; for (i = 0; i < 1e6; i++) printf "{\\"dst\\":\\"10.0.0.1\\"},"; print "{}]" }'`,
			/the routing table has 1000001 rows, more than 200000/,
		],
	])("cannot take unlimited time and memory with %s", async (_, script, reason) => {
		const { routes, said, seconds, megabytes } = await surveyed(table(script));
		expect(said).toEqual([expect.stringMatching(reason)]);
		expect(routes).toEqual([]);
		expect(seconds).toBeLessThan(100);
		expect(megabytes).toBeLessThan(1500);
	});
});
