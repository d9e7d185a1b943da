import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Block } from "../src/core/calico/blocks.ts";
import { poolsOf } from "../src/core/calico/pools.ts";
import { parseSurveyOutput } from "../src/core/kernel/surveyOutput.ts";
import { gatherRoutes } from "../src/core/plan/podRoutes.ts";
import { parsePrefix } from "../src/core/values/prefix.ts";
import type { Config, Secret } from "../src/settings/model.ts";
import { type ExampleApiServer, exampleApiServer } from "../tests/fixtures/apiServer.ts";
import { must } from "../tests/fixtures/arbitraries.ts";
import { comesOf, exampleEngine } from "../tests/fixtures/engine.ts";
import { exampleLock, knownFacts } from "../tests/fixtures/facts.ts";
import { type ExampleSshd, exampleSshd, scripted } from "../tests/fixtures/sshd.ts";
import type { GatewayMachine } from "./gatewayMachine.ts";
import type { GatewayNode } from "./gatewayNode.ts";
import { RouteSurvey, reportSurvey } from "./routeSurvey.ts";

const pods = [must(parsePrefix("10.244.0.0/16"))];
let said: string[];

beforeEach(() => {
	said = [];
});

/** The routes of a gateway with this routing table, in a cluster with these pools of Calico. */
async function surveyed(routes: readonly string[], cidrs: readonly string[]) {
	const rows = routes.map((dst) => ({ dst, gateway: "10.200.0.11", dev: "eth0", protocol: "bird", flags: [] }));
	const table = must(parseSurveyOutput(`== ip -j -4 route\n${JSON.stringify(rows)}\n`));
	const { pools } = poolsOf(cidrs.map((cidr) => ({ spec: { cidr, ipipMode: "Never", vxlanMode: "Never" } })));
	const rest = { unreadable: table.unreadable, expected: [], missing: [], notes: [], owners: undefined, pools };
	const log = async (how: string, text: string) => void said.push(`${how}: ${text}`);
	const read = async () => ({ ...gatherRoutes(table.routes, pods), ...rest });
	const found = await reportSurvey(read, pods, { gateway: "gw-1", seconds: 60, maxShrink: 0.3, log });
	return found.map(({ prefix }) => prefix.text);
}

describe("Calico's pools outside of the pod ranges", () => {
	const named =
		"Calico's IP pools 192.168.0.0/16 are not in the pod ranges (10.244.0.0/16), so servers do not get routes to their pods; " +
		"to reach these pods, set pod-gateway:cluster.podRanges to all ranges from which pods get addresses";

	test("all of them: the refusal names them, and does not blame calico-node", async () => {
		await expect(surveyed(["192.168.1.0/26"], ["192.168.0.0/16"])).rejects.toThrow(named);
		expect(said).toEqual([`error: gw-1 does not have a route that servers could get: ${named}`]);
	});

	test("one of them: a warning, and the routes to the other pools", async () => {
		const found = await surveyed(["10.244.7.0/26", "172.20.7.0/26"], ["10.244.0.0/16", "172.20.0.0/16"]);
		expect(found).toEqual(["10.244.7.0/26"]);
		expect(said).toEqual([`warn: gw-1: ${named.replace("192.168.0.0/16", "172.20.0.0/16")}`]);
	});

	test("none: no warning", async () => {
		expect(await surveyed(["10.244.7.0/26"], ["10.244.0.0/16"])).toEqual(["10.244.7.0/26"]);
		expect(said).toEqual([]);
	});
});

test("a gateway that cannot be read: only the reason", async () => {
	const log = async (how: string, text: string) => void said.push(`${how}: ${text}`);
	const read = () => Promise.reject(new Error("no connection"));
	await expect(reportSurvey(read, pods, { gateway: "gw-1", seconds: 60, maxShrink: 0.3, log })).rejects.toThrow(
		"no connection",
	);
	expect(said).toEqual(["error: gw-1 was not surveyed; no server was touched: no connection"]);
});

describe("a gateway that only has a part of its routes", () => {
	const blocks: readonly Block[] = Array.from({ length: 10 }, (_, index) => ({
		prefix: must(parsePrefix(`10.244.${index}.0/26`)),
		node: "node-1",
	}));
	const found = (count: number, maxShrink: number) => {
		const prefixes = blocks.slice(0, count).map(({ prefix }) => ({ prefix, nodes: [] }));
		const rest = { rejected: [], unreadable: [], notes: [], owners: undefined, pools: [] };
		const read = async () => ({ prefixes, expected: blocks, missing: blocks.slice(count), ...rest });
		const log = async (how: string, text: string) => void said.push(`${how}: ${text}`);
		return reportSurvey(read, pods, { gateway: "gw-1", seconds: 60, maxShrink, log });
	};

	test("is refused, before any server is touched, with the setting and what to do", async () => {
		await expect(found(6, 0.3)).rejects.toThrow("set pod-gateway:routes.maxShrink to 1");
		expect(said).toEqual([
			"error: gw-1 only has a part of its routes; no server was touched: no route to 4 of 10 blocks after 60 s " +
				"(10.244.6.0/26 of node-1, 10.244.7.0/26 of node-1, 10.244.8.0/26 of node-1, 10.244.9.0/26 of node-1), but only 30 % may be missing; " +
				"check that calico-node has settled there and is connected to its peers (calicoctl node status), then run up again; " +
				"to accept the missing routes, set pod-gateway:routes.maxShrink to 1",
		]);
	});

	test.each([
		[7, 0.3],
		[1, 1],
	])("%i of 10, with maxShrink %d, are a warning", async (count, maxShrink) => {
		expect(await found(count, maxShrink)).toHaveLength(count);
		expect(said).toEqual([expect.stringMatching(/^warn: gw-1: no route to /)]);
	});
});

describe("the component", () => {
	let sshd: ExampleSshd;
	let server: ExampleApiServer;
	const warn = vi.spyOn(pulumi.log, "warn").mockImplementation(async () => {});

	beforeAll(async () => {
		const row = { dst: "192.244.32.0/26", gateway: "10.200.0.11", dev: "eth0", protocol: "bird", flags: [] };
		const stdout = `== ip -j -4 route\n${JSON.stringify([row])}\n`;
		sshd = await exampleSshd({ answer: scripted(() => ({ stdout })) });
		// Another network than Calico: nobody keeps records of who has which block.
		server = await exampleApiServer({
			"/apis/crd.projectcalico.org/v1/blockaffinities": 404,
			"/apis/crd.projectcalico.org/v1/ippools": 404,
			"/apis/projectcalico.org/v3/blockaffinities": 404,
			"/apis/projectcalico.org/v3/ippools": 404,
			"/api/v1/nodes": { items: [] },
		});
	});
	afterAll(async () => {
		warn.mockRestore();
		server.stop();
		await sshd.stop();
	});

	const etcdKey = "THE KEY OF THE CLIENT OF ETCD";
	const calicoEtcd = {
		endpoints: ["https://10.200.0.10:2379"],
		ca: pulumi.output("the CA") as Secret,
		client: { cert: pulumi.output("the certificate") as Secret, key: pulumi.secret(etcdKey) as Secret },
	};

	/** Registers a gateway's survey, and a server's command that is told the routes. */
	async function registered(
		own: Partial<Config["cluster"]> = {},
		{ preview = false, lock }: { preview?: boolean; lock?: typeof exampleLock } = {},
	) {
		const engine = await exampleEngine({ preview });
		const asked = sshd.seen().length;
		const kubeconfig = pulumi.secret(server.kubeconfig) as Secret;
		let survey: RouteSurvey | undefined;
		await engine.run(() => {
			const joined = new command.local.Command("gw-1-node", {});
			const nodeName = joined.stdout.apply(() => "gw-1");
			survey = new RouteSurvey("gw-1", {
				gateway: { name: "gw-1" },
				machine: { target: pulumi.secret(sshd.target) } as unknown as GatewayMachine,
				node: { nodeName } as unknown as GatewayNode,
				gatewayNodes: ["gw-1"],
				cluster: { kubeconfig, context: "one", ...own },
				facts: knownFacts(),
				...{ convergeTimeout: 60, maxShrink: 0.3, lock },
			});
			const stdin = survey.found.apply((routes) => routes.map(({ prefix }) => prefix.text).join());
			new command.local.Command("db-1-network", { stdin });
		});
		if (!survey) throw new Error("there is no survey");
		return { engine, survey, connections: sshd.seen().length - asked };
	}

	test("is all that a state knows of a survey: a read is no resource", async () => {
		const { engine } = await registered();
		const others = engine.resources.filter(({ type }) => type !== "command:local:Command");
		expect(others).toMatchObject([
			{
				urn: "urn:pulumi:lab::pod-gateway::pod-gateway:index:RouteSurvey::gw-1",
				...{ inputs: {}, outputs: {}, dependencies: [], options: {} },
			},
		]);
	});

	test("reads once the node has joined, and a server's routes wait for both", async () => {
		const { engine, connections } = await registered();
		expect(connections).toBeGreaterThan(0);
		expect(engine.of("db-1-network").inputs["stdin"]).toBe("192.244.32.0/26");
		expect(engine.waits("db-1-network", "gw-1-node")).toBe(true);
	});

	test("reads nothing of a machine that has not joined", async () => {
		const { survey, connections } = await registered({}, { preview: true });
		expect(await comesOf(survey.found)).toBeUndefined();
		expect(connections).toBe(0);
	});

	test("has routes that are no secret, though the key and the kubeconfig are", async () => {
		const { engine, survey } = await registered();
		expect(await pulumi.isSecret(survey.found)).toBe(false);
		expect(engine.everything()).not.toContain("OPENSSH PRIVATE KEY");
	});

	test("keeps how Calico's etcd is reached as a secret, with the key that is in it", async () => {
		// Where nothing has joined, etcd is not asked.
		const { engine } = await registered({ calicoEtcd }, { preview: true });
		const { outputs } = engine.of("gw-1");
		expect(outputs).toEqual({ calicoEtcd: { secret: expect.stringContaining("https://10.200.0.10:2379") } });
		expect(engine.everything()).toContain(etcdKey);
		expect(engine.inClear()).not.toContain(etcdKey);
	});

	test("previews locked routes without a look at the gateway", async () => {
		const { survey, connections } = await registered({ calicoEtcd }, { preview: true, lock: exampleLock });
		expect(await comesOf(survey.found)).toEqual(exampleLock.routes);
		expect(connections).toBe(0);
	});
});
