import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, expect, test } from "vitest";
import { planSite } from "../src/core/plan/plan.ts";
import type { ServerPlan } from "../src/core/plan/serverPlan.ts";
import { parseAddress } from "../src/core/values/address.ts";
import { parsePrefix } from "../src/core/values/prefix.ts";
import { hostScript } from "../src/remote/hostScript.ts";
import { must } from "../tests/fixtures/arbitraries.ts";
import { type ExampleEngine, exampleEngine, UNKNOWN } from "../tests/fixtures/engine.ts";
import { exampleConfig, exampleSecrets, HOST_KEY } from "../tests/fixtures/stackFile.ts";
import { PhysicalServer } from "./physicalServer.ts";

const record = {
	...{ at: "2026-01-31T12:00:00Z", by: "netops@10.200.0.10", stack: "lab", version: "0.1.0" },
	...{ before: "", after: "a".repeat(64) },
};
let engine: ExampleEngine;

beforeEach(async () => {
	const stdout = `what a shell says\n${JSON.stringify({ result: "applied", dnsMethod: "resolved", record })}\n`;
	engine = await exampleEngine({ said: { "db-1-network": { stdout } } });
});

/** A resource that stands for a gateway's node. */
class Node extends pulumi.ComponentResource {
	constructor() {
		super("test:index:Node", "gw-1");
		new command.local.Command("gw-1-node", {}, { parent: this });
	}
}

/** Registers the server. @param own what its settings say beside its name. @param block a pod block that it gets a route to. */
async function registered(own: Readonly<Record<string, unknown>> = {}, block = "192.244.32.0/26", rest = {}) {
	const servers = [{ name: "db-1", address: "10.200.0.31", hostKey: HOST_KEY, ...own }];
	const config = exampleConfig({ servers, ...rest });
	const [server] = config.servers;
	if (!server) throw new Error("there is no server");
	let made: PhysicalServer | undefined;
	await engine.run(() => {
		const plan = pulumi.output(planOf(config, block));
		made = new PhysicalServer("db-1", { server, plan, gatewayNodes: [new Node()] });
	});
	const of = (name: string) => engine.of(name);
	return { made, network: of("db-1-network"), restore: of("db-1-restore") };
}

function planOf(config: ReturnType<typeof exampleConfig>, block: string): ServerPlan {
	const prefix = (text: string) => must(parsePrefix(text));
	const [plan] = must(
		planSite(
			{
				stack: "lab",
				gateways: [{ name: "gw-1", address: must(parseAddress("10.200.0.20")) }],
				ranges: { pods: [prefix("192.244.0.0/16")], services: [prefix("192.96.0.0/16")] },
				...{ mode: "blocks", maxShrink: 0.3, gathered: [{ prefix: prefix(block) }] },
				dns: { ...config.dns, addresses: [must(parseAddress("192.96.0.10"))], domain: "cluster.local" },
				verify: config.verify,
			},
			config.servers,
		),
	);
	if (!plan) throw new Error("there is no plan");
	return plan;
}

test("a server is two commands, which a state knows by these names", async () => {
	const { network, restore } = await registered();
	const server = engine.of("db-1");
	expect(server.urn).toBe("urn:pulumi:lab::pod-gateway::pod-gateway:index:PhysicalServer::db-1");
	const own = engine.resources.filter(({ parent }) => parent === server.urn);
	expect(own.map(({ name }) => name).sort()).toEqual(["db-1-network", "db-1-restore"]);
	const inside = "urn:pulumi:lab::pod-gateway::pod-gateway:index:PhysicalServer$command:local:Command::";
	expect([network.urn, restore.urn]).toEqual([`${inside}db-1-network`, `${inside}db-1-restore`]);
});

test("what undoes the first transaction is there before it, and stays until the network's resource is gone", async () => {
	const { network, restore } = await registered();
	expect(engine.waits("db-1-network", "db-1-restore")).toBe(true);
	expect(engine.waits("db-1-restore", "db-1-network")).toBe(false);
	// Made, the one changes nothing; removed, the other does not.
	expect(Object.keys(restore.inputs).filter((key) => /create|update|delete/.test(key))).toEqual(["delete"]);
	expect(Object.keys(network.inputs).filter((key) => /create|update|delete/.test(key))).toEqual(["create"]);
});

test("a gateway is there until the server that uses it was restored", async () => {
	const { restore } = await registered();
	expect(restore.dependencies).toContain("gw-1-node");
	expect(engine.waits("gw-1-node", "db-1-restore")).toBe(false);
});

test("another machine under the name is another server: the old one is restored first", async () => {
	const { network, restore } = await registered();
	for (const { options } of [network, restore]) {
		expect(options).toEqual({
			...{ deleteBeforeReplace: true, replacementTrigger: "10.200.0.31" },
			replaceOnChanges: ["triggers[*]"],
		});
	}
});

test("nothing but another address replaces it: what else changes, the same machine is told", async () => {
	const before = await registered();
	engine = await exampleEngine();
	const other = { hostKey: `${HOST_KEY.slice(0, -4)}AAAA`, ssh: { port: 2222 }, dns: { method: "none" } };
	const after = await registered(other, "192.244.99.0/26");
	for (const one of ["network", "restore"] as const) {
		expect(after[one].options).toEqual(before[one].options);
		expect(after[one].inputs["triggers"]).toBeUndefined();
		expect(after[one].inputs).not.toEqual(before[one].inputs);
	}
});

test("a preview's difference is a line a route: the desired state stands in clear", async () => {
	const { network } = await registered();
	expect(String(network.inputs["stdin"]).split("\n")).toEqual(
		expect.arrayContaining(["server db-1", "route 192.244.32.0/26 via 10.200.0.20", "nameserver 192.96.0.10"]),
	);
});

test("how it is reached is a secret to the engine, with the keys that are in it, and is no part of a command line", async () => {
	const { network, restore } = await registered();
	const target = { secret: expect.stringContaining('"host":"10.200.0.31"') };
	expect(restore.inputs).toEqual({
		stdin: target,
		delete: "exec node --import tsx tools/physical-server.ts restore --stack 'lab'",
		...{ addPreviousOutputInEnv: false, logging: "stderr" },
	});
	expect(network.inputs).toEqual({
		stdin: expect.any(String),
		environment: { POD_GATEWAY_TARGET: target, POD_GATEWAY_SCRIPT: hostScript("server-network.sh").version },
		create: "exec node --import tsx tools/physical-server.ts apply",
		...{ addPreviousOutputInEnv: false, logging: "stderr" },
	});
	for (const [what, text] of exampleSecrets.filter(([what]) => what.includes("key"))) {
		expect(engine.everything(), what).toContain(text);
		expect(engine.inClear(), what).not.toContain(text);
	}
});

test("how it is reached is a secret also where no key is in it", async () => {
	const { network, restore } = await registered({}, undefined, { ssh: { agent: true } });
	expect(restore.inputs["stdin"]).toEqual({ secret: expect.any(String) });
	expect(network.inputs["environment"]).toMatchObject({ POD_GATEWAY_TARGET: { secret: expect.any(String) } });
});

test("what is in force, and who deployed it, is in clear once the server has said so", async () => {
	const { made } = await registered();
	const { outputs } = engine.of("db-1");
	expect(outputs).toEqual({ inForce: expect.stringMatching(/^2 routes.*\(resolved\)$/), record });
	expect(made?.name).toBe("db-1");
});

test("nobody takes a preview's plan for what is in force", async () => {
	engine = await exampleEngine({ preview: true });
	await registered();
	expect(engine.of("db-1").outputs).toEqual({ inForce: UNKNOWN, record: UNKNOWN });
});
