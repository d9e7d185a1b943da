import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import type { PodRoute } from "../src/core/plan/podRoutes.ts";
import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import { parseAddress } from "../src/core/values/address.ts";
import { parsePrefix } from "../src/core/values/prefix.ts";
import { must } from "../tests/fixtures/arbitraries.ts";
import { comesOf, exampleEngine } from "../tests/fixtures/engine.ts";
import { exampleLock, knownFacts } from "../tests/fixtures/facts.ts";
import { exampleConfig } from "../tests/fixtures/stackFile.ts";
import type { GatewayMachine } from "./gatewayMachine.ts";
import type { RouteSurvey } from "./routeSurvey.ts";
import { planServers } from "./serverPlans.ts";

const route = (prefix: string, node: string): PodRoute => ({ prefix: must(parsePrefix(prefix)), node });

/** Plans for servers with two gateways, each of which a resource stands for. @param found what each gateway has. */
async function planned(
	found: readonly (readonly PodRoute[])[],
	{ preview = false, lock, server = "db-1" }: { preview?: boolean; lock?: typeof exampleLock; server?: string } = {},
) {
	const engine = await exampleEngine({ preview });
	const config = exampleConfig();
	let plan: pulumi.Output<ServerPlan> | undefined;
	let result: Promise<ServerPlan | undefined> | undefined;
	await engine.run(() => {
		const gateways = found.map((routes, index) => {
			const joined = new command.local.Command(`gw-${index}-node`, {});
			const address = must(parseAddress(`10.200.0.2${index}`));
			return {
				machine: { nextHop: pulumi.output({ name: `gw-${index}`, address }) } as unknown as GatewayMachine,
				survey: { found: joined.stdout.apply(() => routes) } as unknown as RouteSurvey,
			};
		});
		plan = planServers({ config, facts: knownFacts(), lock, gateways })(server);
		result = comesOf(plan);
	});
	if (!plan || !result) throw new Error("nothing was planned");
	return { engine, plan, result };
}

const both = [route("192.244.32.0/26", "ku13-1"), route("192.244.99.0/26", "ku13-2")];
const texts = (plan: ServerPlan | undefined) =>
	plan?.routes.map(({ prefix, via }) => `${prefix.text} via ${via.map(({ text }) => text).join()}`);

test("a plan is no resource, and every server of the settings has one", async () => {
	for (const server of ["db-1", "db-2"]) {
		const { engine, result } = await planned([both], { server });
		expect(await result).toMatchObject({ stack: "lab", server, maxShrink: 0.3 });
		expect(texts(await result)).toEqual([
			"192.96.0.0/16 via 10.200.0.20",
			"192.244.32.0/26 via 10.200.0.20",
			"192.244.99.0/26 via 10.200.0.20",
		]);
		expect(engine.resources.map(({ name }) => name)).toEqual(["gw-0-node"]);
	}
});

test("a server that is not in the settings has none", async () => {
	await expect((await planned([both], { server: "db-9" })).result).rejects.toThrow("the plan of db-9 is missing");
});

test("a plan is in clear: a preview shows it", async () => {
	expect(await pulumi.isSecret((await planned([both])).plan)).toBe(false);
});

test("no route is planned that one of the gateways does not have", async () => {
	const { result } = await planned([both, both.slice(1)]);
	expect(texts(await result)).toEqual([
		"192.96.0.0/16 via 10.200.0.20,10.200.0.21",
		"192.244.99.0/26 via 10.200.0.20,10.200.0.21",
	]);
});

test("a plan is not known before every gateway was surveyed, and what it goes to waits for each", async () => {
	const { engine, plan, result } = await planned([both, both], { preview: true });
	expect(await result).toBeUndefined();
	await engine.run(() => {
		new command.local.Command("db-1-network", { stdin: plan.apply(({ server }) => server) });
	});
	expect(engine.of("db-1-network").inputsFrom["stdin"]).toEqual(["gw-0-node", "gw-1-node"]);
});

test("what stands against a plan is refused as a whole, before any server is touched", async () => {
	const covering = [route("10.200.0.0/24", "ku13-1")];
	await expect((await planned([covering])).result).rejects.toThrow("the plan is refused; no server was touched");
});

describe("locked routes", () => {
	test("are planned where the gateway has just these", async () => {
		const { result } = await planned([exampleLock.routes], { lock: exampleLock });
		expect(texts(await result)).toContain("192.244.32.0/26 via 10.200.0.20");
	});

	test("are refused where the gateway has others, each of which is named", async () => {
		await expect((await planned([both], { lock: exampleLock })).result).rejects.toThrow(
			/routes differ from those of stacks\/lab\.routes\.json[\s\S]*no server was touched[\s\S]*\+ 192\.244\.99\.0\/26 of ku13-2/,
		);
	});
});
